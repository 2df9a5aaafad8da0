package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// The functions of the chapter that drop a body.
var statusCalls = []struct {
	name string
	do   func(ctx context.Context, client *http.Client, url string) error
}{
	{"Size", func(ctx context.Context, client *http.Client, url string) error {
		_, err := ch08.Size(ctx, client, url)
		return err
	}},
	{"GetLimited", func(ctx context.Context, client *http.Client, url string) error {
		_, err := ch08.GetLimited(ctx, client, url, 100)
		return err
	}},
	{"PostJSON", func(ctx context.Context, client *http.Client, url string) error {
		_, err := ch08.PostJSON[int, int](ctx, client, url, 1)
		return err
	}},
}

// statusServer responds to /STATUS/SIZE/FRAMING, where FRAMING is announced or chunked.
func statusServer(w http.ResponseWriter, r *http.Request) {
	var code, size int
	var framing string
	fmt.Sscanf(strings.ReplaceAll(r.URL.Path, "/", " "), "%d %d %s", &code, &size, &framing)
	w.Header().Set("Content-Type", "text/plain")
	if framing == "announced" {
		w.Header().Set("Content-Length", fmt.Sprint(size))
	}
	w.WriteHeader(code)
	http.NewResponseController(w).Flush()
	io.WriteString(w, strings.Repeat("x", size)) // dropped for HEAD; fails if the client has left
}

// Five responses that are not wanted make one connection, if what has to be dropped is
// short. Go 1.27 would drain up to 256 KiB on Close, Go 1.26 nothing.
func TestStatusReuse(t *testing.T) {
	t.Parallel()
	for _, call := range statusCalls {
		for _, tt := range []struct {
			path string
			made int64
		}{
			{"/404/600/announced", 1},
			{"/404/600/chunked", 1},
			{"/500/65000/chunked", 1},
			{"/503/0/announced", 1},
			{"/304/0/chunked", 1},
			{"/200/600/announced", 1}, // too large for GetLimited, not JSON for PostJSON
			{"/200/600/chunked", 1},
			{"/404/350000/announced", 5}, // more than a connection is worth
			{"/404/350000/chunked", 5},
			{"/200/350000/announced", 5},
		} {
			t.Run(call.name+tt.path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := pipe.Serve(t, statusServer)
					client, _ := server.Client(t)
					for range 5 {
						if err := call.do(t.Context(), client, "http://peer.example"+tt.path); err == nil &&
							call.name != "Size" {
							t.Error("error = nil, want one")
						}
						synctest.Wait()
					}
					want := tt.made
					if call.name == "Size" { // a response to HEAD has no body
						want = 1
					}
					if got := server.Made.Load(); got != want {
						t.Errorf("%d connections for 5 requests, want %d", got, want)
					}
				})
			})
		}
	}
}

// An unwanted body that does not arrive delays the error for a second, not for the
// client's timeout. Its start is the message.
func TestStatusStalledBody(t *testing.T) {
	t.Parallel()
	for _, call := range statusCalls[1:] {
		for _, code := range []int{200, 404} {
			for _, sent := range []int{0, 10, 600} {
				t.Run(fmt.Sprintf("%s, %d, %d bytes", call.name, code, sent), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						server := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
							io.Copy(io.Discard, r.Body) // or the client's leaving goes unnoticed
							w.Header().Set("Content-Length", "10000")
							w.WriteHeader(code)
							io.WriteString(w, strings.Repeat("x", sent))
							http.NewResponseController(w).Flush()
							<-r.Context().Done()
						})
						client, _ := server.Client(t)
						start := time.Now()
						err := call.do(t.Context(), client, "http://peer.example/")
						if got := time.Since(start); got != time.Second {
							t.Errorf("error after %v, want 1s", got)
						}
						e, ok := errors.AsType[*ch08.StatusError](err)
						if want := strings.Repeat("x", min(sent, 512)); code == 404 &&
							(!ok || e.Code != 404 || e.Message != want) {
							t.Errorf("error = %v, want status 404 with %d bytes of the body", err, len(want))
						}
						if err == nil || code == 200 && ok {
							t.Errorf("error = %v, want one that is not a *StatusError", err)
						}
					})
				})
			}
		}
	}
}

// statusBody is an endless body that counts what is read of it.
type statusBody struct {
	status       int
	length, read int64
	closed       bool
}

func (b *statusBody) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {"text/plain"}}
	return &http.Response{StatusCode: b.status, Header: h, ContentLength: b.length, Body: b, Request: r}, nil
}

func (b *statusBody) Read(p []byte) (int, error) {
	n := int64(len(p))
	if b.length >= 0 {
		n = min(n, b.length-b.read)
	}
	if b.read += n; n == 0 {
		return 0, io.EOF
	}
	return int(n), nil
}

func (b *statusBody) Close() error { b.closed = true; return nil }

// At most 64 KiB are dropped, none of a body that is known to be larger, and every body is
// closed. On top come the first bytes, which are read as a message or a result.
func TestStatusDropsLimited(t *testing.T) {
	for _, call := range statusCalls[1:] {
		for _, tt := range []struct {
			status           int
			length, min, max int64 // max bounds what is read above min
		}{
			{404, 0, 0, 0},
			{404, 64 << 10, 64 << 10, 64 << 10},
			{404, 64<<10 + 1, 512, 512},
			{404, 1 << 40, 512, 512},
			{404, -1, 64<<10 + 512 + 1, 64<<10 + 512 + 1},
			{200, 64 << 10, 64 << 10, 64 << 10},
			{200, 64<<10 + 1, 512, 512},
			{200, -1, 64<<10 + 512 + 1, 64<<10 + 512 + 102},
			{200, 100, 100, 100}, // a result for GetLimited
		} {
			t.Run(fmt.Sprintf("%s, %d, %d bytes", call.name, tt.status, tt.length), func(t *testing.T) {
				body := &statusBody{status: tt.status, length: tt.length}
				call.do(t.Context(), &http.Client{Transport: body}, "http://peer.example/") // see above
				if body.read < tt.min || body.read > tt.max || !body.closed {
					t.Errorf("%d bytes read, closed %t, want %d to %d, true", body.read, body.closed, tt.min, tt.max)
				}
			})
		}
	}
}
