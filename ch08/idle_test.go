package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
)

// idleServe serves h in memory until the bubble ends; dials counts the connections.
func idleServe(t testing.TB, h http.HandlerFunc) (client *http.Client, dials *atomic.Int64) {
	conns, dials := make(idleListener), new(atomic.Int64)
	srv := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(conns) }()
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials.Add(1)
		local, remote := net.Pipe()
		conns <- remote
		return local, nil
	}}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Shutdown(context.Background()) // waits for handlers; in memory it cannot fail
		<-served
	})
	return &http.Client{Transport: tr}, dials
}

type idleListener chan net.Conn

func (l idleListener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l idleListener) Close() error   { close(l); return nil } // once, by Shutdown
func (l idleListener) Addr() net.Addr { return &net.TCPAddr{} }

// idleDrip sends a byte after each pause, then ends or, with stall, falls silent.
func idleDrip(n int, pause time.Duration, stall bool) http.HandlerFunc {
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

const idleLimit = 10 * time.Second

func TestGetIdleSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := idleServe(t, idleDrip(400, idleLimit-1, false))
		start := time.Now()
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || len(b) != 400 {
			t.Errorf("ReadAll = %d bytes, %v, want 400, nil", len(b), err)
		}
		t.Logf("%d bytes in %v with a limit of %v", len(b), time.Since(start), idleLimit)
	})
}

func TestGetIdleGivesUp(t *testing.T) {
	for _, sent := range []int{0, 1, 3} { // 0: not even a header
		synctest.Test(t, func(t *testing.T) {
			client, _ := idleServe(t, idleDrip(sent, time.Second, true))
			start, got := time.Now(), 0
			resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
			if err == nil {
				defer resp.Body.Close()
				var b []byte
				b, err = io.ReadAll(resp.Body)
				got = len(b)
			}
			want := time.Duration(sent)*time.Second + idleLimit
			if d := time.Since(start); d != want || got != sent {
				t.Errorf("gave up after %v and %d bytes, want %v and %d", d, got, want, sent)
			}
			netErr, ok := errors.AsType[net.Error](err)
			if !errors.Is(err, os.ErrDeadlineExceeded) || !ok || !netErr.Timeout() {
				t.Errorf("error = %v, want os.ErrDeadlineExceeded, a timeout", err)
			}
			t.Logf("after %v: %v", time.Since(start), err)
		})
	}
}

// The trap that GetIdle avoids: a context with a timeout governs the body too, and the
// read under way fails at once when it ends, though bytes keep coming.
func TestContextEndsBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := idleServe(t, idleDrip(60, time.Second, false))
		ctx, cancel := context.WithTimeout(t.Context(), idleLimit+time.Second/2)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", "http://peer.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		d := time.Since(start)
		if !errors.Is(err, context.DeadlineExceeded) || d != idleLimit+time.Second/2 {
			t.Errorf("ReadAll error = %v after %v, want DeadlineExceeded at once", err, d)
		}
		t.Logf("%d of 60 bytes after %v: %v", len(b), time.Since(start), err)
	})
}

// A reader that is busy elsewhere, for a minute after each byte, is not cut off.
func TestGetIdleSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := idleServe(t, idleDrip(5, time.Second, false))
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for i := range 5 {
			time.Sleep(time.Minute)
			if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	})
}

// Over HTTP/2 it is a stream that is given up, with the same error.
func TestGetIdleHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := idleServe(t, idleDrip(3, time.Second, true))
		tr := client.Transport.(*http.Transport)
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetUnencryptedHTTP2(true)
		start := time.Now()
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
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

// The caller's cancel is not taken for a silent server.
func TestGetIdleParentContext(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client, _ := idleServe(t, idleDrip(3, time.Second, true))
			if http2 {
				tr := client.Transport.(*http.Transport)
				tr.Protocols = new(http.Protocols)
				tr.Protocols.SetUnencryptedHTTP2(true)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			cause := errors.New("going down")
			time.AfterFunc(5*time.Second, func() { cancel(cause) })
			start := time.Now()
			resp, err := ch08.GetIdle(ctx, client, "http://peer.example/", idleLimit)
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

// A body read to its end and closed leaves a connection that the timer no longer ends.
func TestGetIdleLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, dials := idleServe(t, idleDrip(2, time.Second, false))
		for range 3 {
			resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
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
			time.Sleep(5 * idleLimit)
			if cause := context.Cause(resp.Request.Context()); errors.Is(cause, os.ErrDeadlineExceeded) {
				t.Error("the timer fired after Close")
			}
		}
		if got := dials.Load(); got != 1 {
			t.Errorf("%d connections for 3 requests, want 1", got)
		}
	})
}

// Close of an unread body ends the handler at once; bubbles fail if a goroutine stays.
func TestGetIdleCloseEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := idleServe(t, idleDrip(1, time.Second, true))
		start := time.Now()
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
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
		client, _ := idleServe(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "cut") // and no more: the client must notice
		})
		resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", idleLimit)
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
		_, err = ch08.GetIdle(t.Context(), broken, "http://peer.example/", idleLimit)
		if _, ok := errors.AsType[*url.Error](err); !ok || !errors.Is(err, refused) {
			t.Errorf("failed request: error = %v, want a *url.Error with %v", err, refused)
		}
		silent, _ := idleServe(t, idleDrip(0, 0, true))
		silent.Timeout = idleLimit / 2
		_, err = ch08.GetIdle(t.Context(), silent, "http://peer.example/", idleLimit)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Client.Timeout: error = %v, want context.DeadlineExceeded alone", err)
		}
		if _, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", 0); err == nil {
			t.Error("GetIdle with a timeout of 0 succeeded")
		}
		if _, err := ch08.GetIdle(t.Context(), client, "http://%zz/", idleLimit); err == nil {
			t.Error("GetIdle with a malformed URL succeeded")
		}
	})
}

func ExampleGetIdle() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "may take hours, ") // a client that left
		http.NewResponseController(w).Flush() // needs no answer
		io.WriteString(w, "but not a minute of silence\n")
	}))
	defer ts.Close()
	resp, err := ch08.GetIdle(context.Background(), ts.Client(), ts.URL, time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		fmt.Println("the server fell silent")
	}
	// Output: may take hours, but not a minute of silence
}
