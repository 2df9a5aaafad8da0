package ch08

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ErrTooLarge reports a body above a limit. Test for it with errors.Is.
var ErrTooLarge = errors.New("body above the limit")

// StatusError is a response with another status than success. Get it with
// errors.AsType.
type StatusError struct {
	Code    int
	Message string // the first 512 bytes of the body, for people
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("status %d %s: %q", e.Code, http.StatusText(e.Code), e.Message)
}

// Drain reads the rest of body, at most limit bytes, and always closes it. It returns
// the number of bytes dropped. If the error is nil the connection is reused. If more
// than limit bytes were left the error is ErrTooLarge and the connection is closed: 64
// KiB is a good limit, since more costs as much as a new connection. A nil body is
// empty. Over HTTP/2 Close is enough: it ends a stream, not the connection.
func Drain(body io.ReadCloser, limit int64) (int64, error) {
	if body == nil {
		return 0, nil
	}
	defer body.Close()
	// The last byte is not enough: the connection is reused after the end of stream.
	n, err := io.CopyN(io.Discard, body, max(limit, 0))
	if err == nil {
		var more int64
		if more, err = io.CopyN(io.Discard, body, 1); more > 0 {
			return n + more, fmt.Errorf("drain: %w: more than %d bytes", ErrTooLarge, limit)
		}
	}
	if err != io.EOF {
		return n, fmt.Errorf("drain: %w", err)
	}
	return n, nil
}

// drainShort returns the start of a response that is not wanted, and keeps its
// connection if the rest is 64 KiB at most and arrives within a second. Then cancel,
// which has to end the request, stops the wait.
func drainShort(resp *http.Response, cancel context.CancelFunc) string {
	const most = 64 << 10 // 64 KiB
	defer time.AfterFunc(time.Second, cancel).Stop()
	defer resp.Body.Close()
	start, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // less is better than nothing
	if resp.ContentLength <= most {
		Drain(resp.Body, most) // a failure costs the connection alone
	}
	return strings.TrimSpace(string(start))
}
