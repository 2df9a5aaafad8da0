package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08/internal/leak"
	"network-programming-with-go/ch08/internal/pipe"
)

// blockIndefinitely never responds. It ends when the client leaves, since that cancels the
// request's context. A select {} here would block its goroutine, and the server's Close,
// forever.
func blockIndefinitely(started, ended chan<- string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		started <- r.RemoteAddr
		<-r.Context().Done()
		ended <- r.RemoteAddr
	}
}

// blockRefused is the assertion of the tests below: it returns nil only if the client
// timed out or canceled. A response is a failure.
func blockRefused(resp *http.Response, err error) error {
	switch {
	case err == nil:
		resp.Body.Close()
		return fmt.Errorf("the server responded: %s", resp.Status)
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("failed for another reason: %w", err)
	}
	return nil
}

// The test waits for events, not for a clock: the client leaves after the handler has
// started, and the server closes after the handler has ended.
func TestBlockIndefinitelyWithCancel(t *testing.T) {
	leak.Check(t)
	started, ended := make(chan string, 1), make(chan string, 1)
	ts := httptest.NewServer(blockIndefinitely(started, ended))
	defer ts.Close() // waits for the handler

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		t.Log("handler entered for", <-started)
		cancel()
	}()
	if err := blockRefused(blockGet(ctx, ts.Client(), ts.URL)); err != nil {
		t.Error(err)
	}
	t.Log("handler left for   ", <-ended)
}

func blockGet(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

// The assertion must fail if the server responds, or if there is none.
func TestBlockNoticesResponse(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewServer(http.NotFoundHandler())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := blockRefused(blockGet(ctx, ts.Client(), ts.URL)); err == nil {
		t.Error("a server that responds passes for one that blocks")
	}
	ts.Close()
	if err := blockRefused(blockGet(ctx, ts.Client(), ts.URL)); err == nil {
		t.Error("a refused connection passes for a server that blocks")
	}
}

var errBlockShutdown = errors.New("going down")

// Five ways to leave, and how their errors differ. All timeouts match
// context.DeadlineExceeded: only ctx.Err tells whether it was that of the context.
func TestBlockIndefinitelyWithTimeout(t *testing.T) {
	const limit = 5 * time.Second
	for _, tt := range []struct {
		name                 string
		ctx                  func(context.Context) (context.Context, func())
		timeout, header      time.Duration // Client.Timeout, ResponseHeaderTimeout
		want                 error
		wantTimeout, wantCtx bool
	}{
		{"context deadline", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, limit)
			return ctx, cancel
		}, 0, 0, context.DeadlineExceeded, true, true},
		{"Client.Timeout", nil, limit, 0, context.DeadlineExceeded, true, false},
		{"ResponseHeaderTimeout", nil, 0, limit, context.DeadlineExceeded, true, false},
		{"cancel", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(limit, cancel)
			return ctx, cancel
		}, 0, 0, context.Canceled, false, true},
		{"cancel with a cause", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(limit, func() { cancel(errBlockShutdown) })
			return ctx, func() { cancel(nil) }
		}, 0, 0, errBlockShutdown, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started, ended := make(chan string, 1), make(chan string, 1)
				server := pipe.Serve(t, blockIndefinitely(started, ended))
				client, tr := server.Client(t)
				client.Timeout, tr.ResponseHeaderTimeout = tt.timeout, tt.header
				ctx := t.Context()
				if tt.ctx != nil {
					c, cancel := tt.ctx(ctx)
					defer cancel()
					ctx = c
				}
				start := time.Now()
				_, err := blockGet(ctx, client, "http://peer.example/")
				if got := time.Since(start); got != limit {
					t.Errorf("Do returned after %v, want %v", got, limit)
				}
				<-ended // otherwise the bubble deadlocks
				if time.Since(start) != limit {
					t.Errorf("the handler ended at %v, want at once", time.Since(start))
				}
				urlErr, ok := errors.AsType[*url.Error](err)
				if !ok || !errors.Is(err, tt.want) || urlErr.Timeout() != tt.wantTimeout {
					t.Errorf("error = %v, want %v in a *url.Error with Timeout() %t",
						err, tt.want, tt.wantTimeout)
				}
				if byCtx := ctx.Err() != nil; byCtx != tt.wantCtx {
					t.Errorf("the context has ended: %t, want %t", byCtx, tt.wantCtx)
				}
				t.Logf("Timeout() %-5t  ctx ended %-5t  %v", urlErr.Timeout(), ctx.Err() != nil, err)
			})
		})
	}
}

// A server notices that a client leaves only after the body was read: the context of a
// request with an unread body does not end.
func TestBlockUnreadBody(t *testing.T) {
	for _, read := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			noticed := make(chan bool, 1)
			server := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				if read {
					io.Copy(io.Discard, r.Body) // three bytes; a failure shows below
				}
				select {
				case <-r.Context().Done():
					noticed <- true
				case <-time.After(time.Hour):
					noticed <- false
				}
			})
			client, _ := server.Client(t)
			client.Timeout = time.Second
			resp, err := client.Post("http://peer.example/", "text/plain", strings.NewReader("abc"))
			if err := blockRefused(resp, err); err != nil {
				t.Error(err)
			}
			if got := <-noticed; got != read {
				t.Errorf("body read: %t, leaving client noticed: %t, want the same", read, got)
			}
		})
	}
}
