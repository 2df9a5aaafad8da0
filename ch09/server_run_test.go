package ch09_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

func TestRunFinishesRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work = 3 * time.Second
		l := memory.Listen()
		srv := ch09.NewServer("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(work)
			if err := r.Context().Err(); err != nil {
				t.Errorf("request's context ended during shutdown: %v", err)
			}
			io.WriteString(w, "done") // error: the client would notice
		}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ran := make(chan error, 1)
		go func() { ran <- ch09.Run(ctx, srv, l) }()
		tr := &http.Transport{DialContext: l.DialContext}
		client := &http.Client{Transport: tr}

		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				resp, err := client.Get("http://a.test/")
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); string(body) != "done" || err != nil {
					t.Errorf("body = %q, %v, want done", body, err)
				}
			})
		}
		synctest.Wait() // all ten are in their handlers
		start := time.Now()
		cancel()
		synctest.Wait()
		if _, err := client.Get("http://a.test/late"); err == nil {
			t.Error("a request after the end of ctx was served")
		}
		wg.Wait()
		err := <-ran
		t.Logf("10 requests in flight finished, Run returned %v after %v", err, time.Since(start))
		if err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		// Shutdown polls with a growing pause of at most half a second and 10 %.
		if got := time.Since(start); got < work || got > work+600*time.Millisecond {
			t.Errorf("Run returned after %v, want %v to %v", got, work, work+600*time.Millisecond)
		}
		tr.CloseIdleConnections()
	})
}

// A browser opens connections ahead of need. One that is silent may still send a request,
// so it holds Run up until its time is over, and is no error.
func TestRunSilentConnection(t *testing.T) {
	for _, headerTimeout := range []time.Duration{0, ch09.ReadHeaderTimeout} {
		synctest.Test(t, func(t *testing.T) {
			l := memory.Listen()
			srv := ch09.NewServer("", http.NotFoundHandler())
			srv.ReadHeaderTimeout, srv.ReadTimeout = headerTimeout, 0
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ran := make(chan error, 1)
			go func() { ran <- ch09.Run(ctx, srv, l) }()
			conn := l.Dial(t)
			defer conn.Close()
			synctest.Wait()
			start := time.Now()
			cancel()
			err := <-ran
			t.Logf("header timeout %v: Run returned %v after %v", headerTimeout, err, time.Since(start))
			if got := time.Since(start); err != nil || got < 5*time.Second || got > 7*time.Second {
				t.Errorf("header timeout %v: Run = %v after %v, want nil after 5 s to 7 s",
					headerTimeout, err, got)
			}
		})
	}
}

func TestRunCutsOffAfterGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memory.Listen()
		cut, release := make(chan struct{}), make(chan struct{})
		srv := ch09.NewServer("", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(cut)
			<-release // and does not return
		}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ran := make(chan error, 1)
		go func() { ran <- ch09.Run(ctx, srv, l) }()
		conn := l.Dial(t)
		defer conn.Close()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
		synctest.Wait()
		start := time.Now()
		cancel()
		err := <-ran
		t.Logf("Run returned after %v: %v", time.Since(start), err)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v, want context.DeadlineExceeded", err)
		}
		if got := time.Since(start); got != ch09.ShutdownGrace {
			t.Errorf("Run returned after %v, want %v", got, ch09.ShutdownGrace)
		}
		<-cut                                             // the handler could notice
		conn.SetReadDeadline(time.Now().Add(time.Second)) // cannot fail: conn is open
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read after Run = %v, want io.EOF: the connection is closed", err)
		}
		close(release)
	})
}

// If the listener fails, the connections that it made are closed too.
func TestRunServingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memory.Listen()
		ran := make(chan error, 1)
		go func() { ran <- ch09.Run(t.Context(), ch09.NewServer("", http.NotFoundHandler()), l) }()
		conn := l.Dial(t)
		defer conn.Close()
		synctest.Wait()
		l.Close()
		if err := <-ran; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Run = %v, want net.ErrClosed", err)
		}
		conn.SetReadDeadline(time.Now().Add(time.Second)) // cannot fail: conn is open
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("read after Run = %v, want io.EOF: the connection is closed", err)
		}
	})
}

// Others may stop srv too, a handler for instance: that cuts off no request either.
func TestRunShutdownByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memory.Listen()
		var srv *http.Server
		stopped := make(chan error, 1)
		srv = ch09.NewServer("", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			go func() { stopped <- srv.Shutdown(context.Background()) }()
			time.Sleep(time.Second)
			io.WriteString(w, "done") // error: the client would notice
		}))
		ran := make(chan error, 1)
		go func() { ran <- ch09.Run(t.Context(), srv, l) }()
		tr := &http.Transport{DialContext: l.DialContext}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get("http://a.test/stop")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); string(body) != "done" || err != nil {
			t.Errorf("body = %q, %v, want done", body, err)
		}
		if err := <-ran; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown = %v, want nil", err)
		}
	})
}
