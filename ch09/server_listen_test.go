package ch09_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/leak"
)

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Run owns its listener: whatever happens, nobody can accept from it afterwards.
func TestRunClosesListener(t *testing.T) {
	leak.Check(t)
	noCertificate := &tls.Config{}
	for _, tt := range []struct {
		name   string
		cancel bool // before Run
		close  bool // the listener, before Run
		tls    *tls.Config
		failed bool
		want   error
	}{
		{"ctx over", true, false, nil, false, nil},
		{"ctx over, no certificate", true, false, noCertificate, false, nil},
		{"no certificate", false, false, noCertificate, true, nil},
		{"listener closed", false, true, nil, true, net.ErrClosed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			l := listenLocal(t)
			if tt.cancel {
				cancel()
			}
			if tt.close {
				l.Close()
			}
			srv := ch09.NewServer("", nil)
			srv.TLSConfig = tt.tls
			err := ch09.Run(ctx, srv, l)
			t.Logf("Run: %v", err)
			if !tt.cancel && (err != nil) != tt.failed || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Run = %v, want an error: %t, %v", err, tt.failed, tt.want)
			}
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Run, Close = %v, want net.ErrClosed: it left the listener open", err)
			}
		})
	}
}

// The limits are a promise: who needs others changes the fields.
func TestNewServerLimits(t *testing.T) {
	srv := ch09.NewServer("127.0.0.1:0", http.NotFoundHandler())
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"Addr", srv.Addr, "127.0.0.1:0"},
		{"ReadHeaderTimeout", srv.ReadHeaderTimeout, 5 * time.Second},
		{"ReadTimeout", srv.ReadTimeout, 30 * time.Second},
		{"WriteTimeout", srv.WriteTimeout, time.Minute},
		{"IdleTimeout", srv.IdleTimeout, 90 * time.Second},
		{"MaxHeaderBytes", srv.MaxHeaderBytes, 65536},
		{"SendPingTimeout", srv.HTTP2.SendPingTimeout, 20 * time.Second},
		{"PingTimeout", srv.HTTP2.PingTimeout, time.Minute},
		{"WriteByteTimeout", srv.HTTP2.WriteByteTimeout, time.Minute},
		{"ShutdownGrace", ch09.ShutdownGrace, 20 * time.Second},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

// A server that was stopped serves nothing more. Run must not report that as success.
func TestRunTwice(t *testing.T) {
	leak.Check(t)
	for _, tt := range []struct {
		name string
		stop func(t *testing.T, srv *http.Server)
	}{
		{"after Run", func(t *testing.T, srv *http.Server) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := ch09.Run(ctx, srv, listenLocal(t)); err != nil {
				t.Errorf("first Run = %v, want nil", err)
			}
		}},
		{"after Close", func(_ *testing.T, srv *http.Server) { srv.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := ch09.NewServer("", http.NotFoundHandler())
			tt.stop(t, srv)
			err := ch09.Run(t.Context(), srv, listenLocal(t))
			t.Logf("Run: %v", err)
			if !errors.Is(err, http.ErrServerClosed) || !strings.Contains(err.Error(), "make a new server") {
				t.Errorf("Run = %v, want http.ErrServerClosed and what to do", err)
			}
		})
	}
}

// Run adds to what the caller has set: its BaseContext and its ConnState hook go on.
func TestRunKeepsHooks(t *testing.T) {
	leak.Check(t)
	type key struct{}
	states := make(chan http.ConnState, 10)
	got := make(chan any, 1)
	srv := ch09.NewServer("", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Context().Value(key{})
	}))
	srv.BaseContext = func(net.Listener) context.Context {
		return context.WithValue(context.Background(), key{}, "mine")
	}
	srv.ConnState = func(_ net.Conn, state http.ConnState) { states <- state }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := listenLocal(t)
	ran := make(chan error, 1)
	go func() { ran <- ch09.Run(ctx, srv, l) }()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if v := <-got; v != "mine" {
		t.Errorf("value of BaseContext = %v, want mine", v)
	}
	if s := <-states; s != http.StateNew {
		t.Errorf("first state = %v, want new", s)
	}
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// listenBadClose closes, and says that it could not.
type listenBadClose struct{ net.Listener }

func (l listenBadClose) Close() error {
	l.Listener.Close() // error: the one below in its place
	return errors.New("cannot close")
}

// Shutdown passes on what Close of the listener says. No request was cut off by that.
func TestRunListenerCannotClose(t *testing.T) {
	leak.Check(t)
	ctx, cancel := context.WithCancel(t.Context())
	srv := ch09.NewServer("", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	l := listenLocal(t)
	ran := make(chan error, 1)
	go func() { ran <- ch09.Run(ctx, srv, listenBadClose{l}) }()
	resp, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err := <-ran; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestRunOverTCPAndTLS(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewTLSServer(nil) // for its certificate and a client that trusts it
	defer ts.Close()
	for _, tt := range []struct {
		name, scheme, proto string
	}{
		{"plain", "http", "HTTP/1.1"},
		{"TLS", "https", "HTTP/2.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := listenLocal(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			srv := ch09.NewServer("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				cancel() // ctx ends while the request is in flight
				fmt.Fprint(w, r.Proto)
			}))
			client := &http.Client{}
			if tt.scheme == "https" {
				srv.TLSConfig = &tls.Config{Certificates: ts.TLS.Certificates}
				client = ts.Client()
				client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
			}
			ran := make(chan error, 1)
			go func() { ran <- ch09.Run(ctx, srv, l) }()
			resp, err := client.Get(tt.scheme + "://" + l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			body, err := bufio.NewReader(resp.Body).ReadString(0)
			if err != io.EOF || body != tt.proto {
				t.Errorf("body = %q, %v, want %q", body, err, tt.proto)
			}
			resp.Body.Close()
			client.CloseIdleConnections()
			if err := <-ran; err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			t.Logf("%s on %v: answered in full while shutting down", tt.proto, l.Addr())
		})
	}
}
