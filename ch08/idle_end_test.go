package ch08_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

const idleEndLimit = 10 * time.Second

// idleEndDrip sends a byte after each pause, then ends or, with stall, falls silent.
func idleEndDrip(n int, pause time.Duration, stall bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for range n {
			time.Sleep(pause)
			io.WriteString(w, ".")                // a client that left shows
			http.NewResponseController(w).Flush() // in the context
		}
		if stall {
			<-r.Context().Done()
		}
	}
}

// Over HTTP/2 the timeout ends a stream, with the same error.
func TestGetIdleHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, idleEndDrip(3, time.Second, true)).Client(t)
		tr := client.Transport.(*http.Transport)
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
		start := time.Now()
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleEndLimit)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if d := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || d != 13*time.Second {
			t.Errorf("ReadAll = %d bytes, %v after %v, want os.ErrDeadlineExceeded after 13s",
				len(b), err, d)
		}
		if resp.ProtoMajor != 2 {
			t.Errorf("protocol = %s, want HTTP/2", resp.Proto)
		}
	})
}

// A cancel by the caller does not look like a silent server.
func TestGetIdleParentContext(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := pipe.Serve(t, idleEndDrip(3, time.Second, true)).Client(t)
			if http2 {
				tr := client.Transport.(*http.Transport)
				tr.Protocols = new(http.Protocols)
				tr.Protocols.SetUnencryptedHTTP2(true)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("going down")
			time.AfterFunc(5*time.Second, func() { cancel(cause) })
			start := time.Now()
			resp, err := ch08.GetIdle(ctx, client, "http://peer.example/", idleEndLimit)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			_, err = io.ReadAll(resp.Body)
			if d := time.Since(start); !errors.Is(err, cause) ||
				errors.Is(err, os.ErrDeadlineExceeded) || d != 5*time.Second {
				t.Errorf("ReadAll error = %v after %v, want %v after 5s", err, d, cause)
			}
		})
	}
}

// After a body is read and closed, the timer does not end its connection.
func TestGetIdleLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, idleEndDrip(2, time.Second, false))
		client, _ := server.Client(t)
		for range 3 {
			resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleEndLimit)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Error(err)
			}
			resp.Body.Close()
			if err := resp.Request.Context().Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("after Close the request's context has error %v, want Canceled", err)
			}
			time.Sleep(5 * idleEndLimit)
			if cause := context.Cause(resp.Request.Context()); errors.Is(cause, os.ErrDeadlineExceeded) {
				t.Error("the timer fired after Close")
			}
		}
		if got := server.Made.Load(); got != 1 {
			t.Errorf("%d connections for 3 requests, want 1", got)
		}
	})
}

// Close of an unread body ends the handler at once. The bubble fails if a goroutine stays.
func TestGetIdleCloseEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, idleEndDrip(1, time.Second, true)).Client(t)
		start := time.Now()
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleEndLimit)
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan error)
		go func() {
			_, err := io.ReadAll(resp.Body)
			read <- err
		}()
		synctest.Wait() // the reader waits for a second byte
		resp.Body.Close()
		if err := <-read; !errors.Is(err, http.ErrBodyReadAfterClose) || time.Since(start) != time.Second {
			t.Errorf("read under way ended with %v after %v, want http.ErrBodyReadAfterClose at once",
				err, time.Since(start))
		}
		_, err = resp.Body.Read(make([]byte, 1))
		if !errors.Is(err, http.ErrBodyReadAfterClose) || errors.Is(err, context.Canceled) {
			t.Errorf("read after Close = %v, want http.ErrBodyReadAfterClose: ctx has not ended", err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Errorf("second Close = %v, want nil", err)
		}
	})
}

func TestGetIdleErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "cut") // and nothing more: the client must notice
		}).Client(t)
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleEndLimit)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut body: ReadAll error = %v, want io.ErrUnexpectedEOF", err)
		}
		resp.Body.Close()
		refused := errors.New("no way to the server")
		broken := &http.Client{Transport: &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, refused }}}
		_, err = ch08.GetIdle(t.Context(), broken, "http://peer.example/", idleEndLimit)
		if _, ok := errors.AsType[*url.Error](err); !ok || !errors.Is(err, refused) {
			t.Errorf("failed request: error = %v, want a *url.Error with %v", err, refused)
		}
		silent, _ := pipe.Serve(t, idleEndDrip(0, 0, true)).Client(t)
		silent.Timeout = idleEndLimit / 2
		_, err = ch08.GetIdle(t.Context(), silent, "http://peer.example/", idleEndLimit)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Client.Timeout: error = %v, want context.DeadlineExceeded alone", err)
		}
		for d, want := range map[time.Duration]bool{-1: false, 0: false, 1: true} {
			_, err := ch08.GetIdle(t.Context(), silent, "http://peer.example/", d)
			if err == nil || errors.Is(err, os.ErrDeadlineExceeded) != want {
				t.Errorf("GetIdle with a timeout of %v: error = %v, want os.ErrDeadlineExceeded: %t", d, err, want)
			}
		}
		wrong := errors.New("close failed")
		closing := &http.Client{Transport: idleEndCloser{wrong}}
		if resp, err := ch08.GetIdle(t.Context(), closing, "http://peer.example/", idleEndLimit); err != nil {
			t.Error(err)
		} else if err := resp.Body.Close(); err != wrong {
			t.Errorf("Close error = %v, want that of the body", err)
		}
		if _, err := ch08.GetIdle(t.Context(), client, "http://%zz/", idleEndLimit); err == nil {
			t.Error("GetIdle with a malformed URL succeeded")
		}
	})
}

// idleEndCloser responds with a body whose Close fails.
type idleEndCloser struct{ err error }

func (c idleEndCloser) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: c, Request: r}, nil
}
func (c idleEndCloser) Read([]byte) (int, error) { return 0, io.EOF }
func (c idleEndCloser) Close() error             { return c.err }
