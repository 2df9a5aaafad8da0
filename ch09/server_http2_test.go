package ch09_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

// http2Start runs handler in the bubble, with HTTP/2 without TLS.
func http2Start(t *testing.T, handler http.Handler, hook func(net.Conn, http.ConnState)) (
	*memory.Listener, func() error) {
	t.Helper()
	srv := ch09.NewServer("", handler)
	srv.ConnState = hook
	srv.ErrorLog = log.New(io.Discard, "", 0) // tells of the clients that are given up
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetUnencryptedHTTP2(true)
	l := memory.Listen()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch09.Run(ctx, srv, l) }()
	return l, func() error { cancel(); return <-done }
}

// A frame of HTTP/2 is length, type, flags and stream (RFC 9113, section 4.1).
const (
	http2Hello    = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	http2Get      = "\x00\x00\x0b\x01\x05\x00\x00\x00\x01\x82\x86\x84\x41\x06a.test"
	http2Unended  = "\x00\x00\x01\x01\x01\x00\x00\x00\x01\x82" // HEADERS without END_HEADERS
	http2Continue = "\x00\x00\x00\x09\x00\x00\x00\x00\x01"
)

// ReadHeaderTimeout does not apply to HTTP/2, where a header may come in many frames. The
// PING ends such a connection: the rules allow no other frame between those of a header.
func TestHTTP2SlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := http2Start(t, http.NotFoundHandler(), nil)
		conn := l.Dial(t)
		defer conn.Close()
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := io.WriteString(conn, http2Hello+http2Unended)
			for ; err == nil; time.Sleep(3 * time.Second) {
				_, err = io.WriteString(conn, http2Continue)
			}
		})
		io.Copy(io.Discard, conn) // an error ends it as well: until the server closes
		got := time.Since(start)
		t.Logf("a header without end over HTTP/2: closed after %v", got)
		if want := ch09.SendPingTimeout + ch09.PingTimeout; got != want {
			t.Errorf("closed after %v, want %v", got, want)
		}
		conn.Close()
		wg.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Over HTTP/2 WriteTimeout ends the stream only. What ends the connection is that nothing
// can be written, or that no PING is answered.
func TestHTTP2SlowReader(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reads bool
		want  time.Duration
	}{
		{"reads nothing", false, ch09.WriteTimeout},
		{"reads, but answers nothing", true, ch09.SendPingTimeout + ch09.PingTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed := make(chan struct{})
				l, stop := http2Start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Write(make([]byte, 1<<20)) // error: the client does not want it
				}), func(_ net.Conn, state http.ConnState) {
					if state == http.StateClosed {
						close(closed)
					}
				})
				conn := l.Dial(t)
				defer conn.Close()
				start := time.Now()
				fmt.Fprint(conn, http2Hello+http2Get)
				if tt.reads {
					go io.Copy(io.Discard, conn) // an error ends it as well
				}
				<-closed
				got := time.Since(start)
				t.Logf("closed after %v", got)
				if got != tt.want {
					t.Errorf("closed after %v, want %v", got, tt.want)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Shutdown asks the HTTP/2 connections of the moment to go. One that finishes its handshake
// later and sends no request would hold it up forever (golang/go issue 81153).
func TestHTTP2LateHandshake(t *testing.T) {
	ts := httptest.NewTLSServer(nil) // for its certificate
	defer ts.Close()
	for _, tt := range []struct {
		name   string
		config *tls.Config
	}{
		{"without TLS", nil},
		{"TLS", &tls.Config{Certificates: ts.TLS.Certificates}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := ch09.NewServer("", http.NotFoundHandler())
				srv.TLSConfig = tt.config
				srv.Protocols = new(http.Protocols)
				srv.Protocols.SetHTTP2(true)
				srv.Protocols.SetUnencryptedHTTP2(tt.config == nil)
				l := memory.Listen()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- ch09.Run(ctx, srv, l) }()
				conn := l.Dial(t)
				defer conn.Close()
				cancel()
				time.Sleep(300 * time.Millisecond)
				start := time.Now()
				if tt.config != nil {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
				}
				go io.Copy(io.Discard, conn) // an error ends it as well
				fmt.Fprint(conn, http2Hello)
				err := <-done
				got := time.Since(start)
				t.Logf("handshake after the end of ctx: Run returned %v after %v", err, got)
				if err != nil || got > 3*time.Second {
					t.Errorf("Run = %v after %v, want nil within 3s: no request was in flight", err, got)
				}
			})
		})
	}
}

// net/http waits 10 s for a client that says nothing after the TLS handshake.
func TestHTTP2SilentAfterTLS(t *testing.T) {
	ts := httptest.NewTLSServer(nil) // for its certificate
	defer ts.Close()
	synctest.Test(t, func(t *testing.T) {
		srv := ch09.NewServer("", http.NotFoundHandler())
		srv.ErrorLog = log.New(io.Discard, "", 0) // it would report the client that timed out
		srv.TLSConfig = &tls.Config{Certificates: ts.TLS.Certificates}
		l := memory.Listen()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- ch09.Run(ctx, srv, l) }()
		conn := tls.Client(l.Dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		defer conn.Close()
		if err := conn.HandshakeContext(ctx); err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, conn) // an error ends it as well
		start := time.Now()
		cancel()
		err := <-done
		got := time.Since(start)
		t.Logf("silent after the TLS handshake: Run returned %v after %v", err, got)
		if err != nil || got < 4*time.Second || got > 6*time.Second {
			t.Errorf("Run = %v after %v, want nil after 5s", err, got)
		}
	})
}

// A response that is under way when ctx ends arrives in full over HTTP/2 too.
func TestHTTP2FinishesInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := http2Start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(3 * time.Second)
			w.Write(make([]byte, 1<<20)) // error: shows in what the client reads
		}), nil)
		tr := &http.Transport{DialContext: l.DialContext, Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(true)
		defer tr.CloseIdleConnections()
		stopped := make(chan error, 1)
		time.AfterFunc(time.Second, func() { stopped <- stop() })
		resp, err := (&http.Client{Transport: tr}).Get("http://a.test/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); n != 1<<20 || err != nil {
			t.Errorf("read %d bytes, %v, want 1 MiB", n, err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}
