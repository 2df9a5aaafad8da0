package ch08

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Errors of this file. Test for them with errors.Is.
var (
	ErrTooLarge = errors.New("drain: body above the limit")
	ErrNoSize   = errors.New("drain: size not announced")
)

// StatusError is a status other than 200 OK. Get it with errors.AsType.
type StatusError int

func (e StatusError) Error() string {
	return fmt.Sprintf("drain: status %d %s", int(e), http.StatusText(int(e)))
}

// Drain reads what is left of body, at most limit bytes, and closes it in every case. It
// returns the number of bytes dropped. The connection is reused if the error is nil. If
// more than limit bytes were left, the error is ErrTooLarge and the connection is given
// up: choose limit so that reading on is cheaper than a new connection, some 64 KiB.
//
// It works alike on every release. Close alone drains nothing in Go 1.26; in Go 1.27 it
// drains up to 256 KiB, for at most 50 ms and after it has returned, but nothing of a
// body announced to be larger. Drain waits for a slow server as long as the request's
// context allows. Over HTTP/2 a plain Close is enough, since it gives up a stream and
// not the connection. A nil body, as a request may have, is empty.
func Drain(body io.ReadCloser, limit int64) (int64, error) {
	if body == nil {
		return 0, nil
	}
	defer body.Close()
	// CopyN has io.Discard's pooled buffer; to have read the last byte is not enough,
	// the end must have been seen.
	n, err := io.CopyN(io.Discard, body, max(limit, 0))
	if err == io.EOF {
		return n, nil
	} else if err != nil {
		return n, fmt.Errorf("drain: %w", err)
	}
	switch m, err := io.CopyN(io.Discard, body, 1); {
	case m > 0:
		return n + m, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	case err != io.EOF:
		return n, fmt.Errorf("drain: %w", err)
	}
	return n, nil
}

// Size returns the size in bytes that the server announces for url in its answer to a
// HEAD request (RFC 9110, section 8.6), before anything is downloaded. ErrNoSize means
// that it announces none, as for most generated content; another status than 200 is a
// StatusError. An announcement is not a promise: still read by GetLimited.
func Size(ctx context.Context, client *http.Client, url string) (int64, error) {
	resp, err := drainDo(ctx, client, http.MethodHead, url)
	if err != nil {
		return 0, err
	}
	resp.Body.Close() // empty, but there
	if resp.ContentLength < 0 {
		return 0, ErrNoSize
	}
	return resp.ContentLength, nil
}

// GetLimited returns the body at url, if it has at most limit bytes. One announced to be
// larger is refused unread, one that turns out larger after limit+1 bytes, both with
// ErrTooLarge; a gzip'ed one is counted unpacked. A body cut short is
// io.ErrUnexpectedEOF, or what ended the connection or the HTTP/2 stream; another status
// than 200 is a StatusError. It holds the body in
// memory: to store a large one, copy an io.LimitedReader to a file.
func GetLimited(
	ctx context.Context, client *http.Client, url string, limit int64,
) ([]byte, error) {
	resp, err := drainDo(ctx, client, http.MethodGet, url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	limit = max(limit, 0)
	if size := resp.ContentLength; size > limit { // -1 if not announced
		return nil, fmt.Errorf("%w: %d bytes announced, limit %d", ErrTooLarge, size, limit)
	}
	// Room for the announced size, so that nothing is copied as b grows, but for no more
	// than 1 MiB on the server's word; and for the read that sees the end.
	room := min(max(resp.ContentLength, 0), 1<<20) + bytes.MinRead
	b := bytes.NewBuffer(make([]byte, 0, room))
	_, err = b.ReadFrom(http.MaxBytesReader(nil, resp.Body, limit)) // as good in a client
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	} else if err != nil {
		return nil, fmt.Errorf("drain: body: %w", err)
	}
	return b.Bytes(), nil
}

func drainDo(
	ctx context.Context, client *http.Client, method, url string,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("drain: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("drain: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, StatusError(resp.StatusCode)
	}
	return resp, nil
}
