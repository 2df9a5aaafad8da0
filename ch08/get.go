package ch08

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Copy with: drain.go.

// ErrNoSize reports a response without a Content-Length. Test for it with errors.Is.
var ErrNoSize = errors.New("get: size not announced")

// Size returns the size in bytes that the server announces for url in its response to a
// HEAD request (RFC 9110, section 8.6). Most generated content has none, which is
// ErrNoSize. A status other than 200 is a *StatusError. The announcement may be wrong:
// download with GetLimited.
func Size(ctx context.Context, client *http.Client, url string) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := getOK(ctx, cancel, client, http.MethodHead, url)
	if err != nil {
		return 0, err
	}
	resp.Body.Close() // empty, since the request was a HEAD
	if resp.ContentLength < 0 {
		return 0, ErrNoSize
	}
	return resp.ContentLength, nil
}

// GetLimited returns the body at url if it has at most limit bytes, after gzip. A larger
// one is ErrTooLarge, before anything is read if the size is announced. A body cut short
// is io.ErrUnexpectedEOF, or the error that ended the connection or the HTTP/2 stream. A
// status other than 200 is a *StatusError. The body is held in memory: to store a large
// one, copy an io.LimitedReader to a file.
func GetLimited(
	ctx context.Context, client *http.Client, url string, limit int64,
) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := getOK(ctx, cancel, client, http.MethodGet, url)
	if err != nil {
		return nil, err
	}
	defer drainShort(resp, cancel)
	limit = max(limit, 0)
	if size := resp.ContentLength; size > limit { // -1 if not announced
		return nil, fmt.Errorf("get: %w: %d bytes announced, limit %d", ErrTooLarge, size, limit)
	}
	// Room for the announced size and for the read that sees the end, so that b does
	// not grow. The server's word is worth 1 MiB at most.
	room := min(max(resp.ContentLength, 0), 1<<20) + bytes.MinRead
	b := bytes.NewBuffer(make([]byte, 0, room))
	_, err = b.ReadFrom(http.MaxBytesReader(nil, resp.Body, limit)) // a client has no writer
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fmt.Errorf("get: %w: more than %d bytes", ErrTooLarge, limit)
	} else if err != nil {
		return nil, fmt.Errorf("get: body: %w", err)
	}
	return b.Bytes(), nil
}

func getOK(
	ctx context.Context, cancel func(), client *http.Client, method, url string,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		message := drainShort(resp, cancel)
		return nil, fmt.Errorf("get: %w", &StatusError{resp.StatusCode, message})
	}
	return resp, nil
}
