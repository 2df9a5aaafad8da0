package ch08

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
)

// ErrTooLarge reports a body above a limit. Test for it with errors.Is.
var ErrTooLarge = errors.New("body above the limit")

// StatusError is a response with another status than success. Get it with errors.AsType.
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
	limit = min(max(limit, 0), math.MaxInt64-1)
	// The last byte is not enough: the connection is reused after the end of stream.
	n, err := io.Copy(io.Discard, io.LimitReader(body, limit+1))
	if n > limit {
		return n, fmt.Errorf("drain: %w: more than %d bytes", ErrTooLarge, limit)
	}
	if err != nil {
		return n, fmt.Errorf("drain: %w", err)
	}
	return n, nil
}

// drainShort returns the start of what is left of a response, and closes it. It keeps the
// connection if at most 64 KiB are left and arrive within a second. Then cancel, which
// has to end the request, stops the wait.
func drainShort(resp *http.Response, cancel context.CancelFunc) string {
	defer time.AfterFunc(time.Second, cancel).Stop()
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return "" // the Body is the connection: cancel does not end a Read
	}
	start, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // less is better than nothing
	if resp.ContentLength <= 64<<10 {
		Drain(resp.Body, 64<<10) // a failure costs the connection alone
	}
	return strings.TrimSpace(string(start))
}
