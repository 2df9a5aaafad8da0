package ch08_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"network-programming-with-go/ch08"
)

// clientAnswerLeaks fails the test if goroutines outlive it. Not for parallel tests.
func clientAnswerLeaks(t testing.TB) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				t.Errorf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
			runtime.Gosched()
		}
	})
}

func TestNewClientRedirects(t *testing.T) {
	clientAnswerLeaks(t)
	var hits atomic.Int64
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
	}))
	defer ts.Close()
	for _, tt := range []struct {
		limit, wantHits int
		wantErr         error
	}{{0, 6, ch08.ErrTooManyRedirects}, {2, 3, ch08.ErrTooManyRedirects}, {-1, 1, nil}} {
		hits.Store(0)
		client := ch08.NewClient(ch08.ClientConfig{Redirects: tt.limit})
		resp, err := client.Get(ts.URL)
		if err == nil {
			resp.Body.Close()
		}
		client.CloseIdleConnections()
		if got := int(hits.Load()); !errors.Is(err, tt.wantErr) || got != tt.wantHits {
			t.Errorf("Redirects %d: %d requests, error %v, want %d, %v",
				tt.limit, got, err, tt.wantHits, tt.wantErr)
		}
	}
}

// What authenticates stays with the host that it is meant for: net/http drops it where a
// redirect leads to another host, and keeps the rest.
func TestNewClientRedirectsCredentials(t *testing.T) {
	clientAnswerLeaks(t)
	got := make(chan http.Header, 1)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		got <- r.Header
	}))
	defer ts.Close()
	client := ch08.NewClient(ch08.ClientConfig{ // finds every host at ts
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("tcp", ts.Listener.Addr().String())
		}})
	defer client.CloseIdleConnections()
	for to, kept := range map[string]bool{"/": true, "http://b.example/": false} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://a.example/?to="+to, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"Authorization", "Cookie", "X-Trace"} {
			req.Header.Set(field, "a=1")
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		h := <-got
		if (h.Get("Authorization") != "") != kept || (h.Get("Cookie") != "") != kept ||
			h.Get("X-Trace") == "" {
			t.Errorf("redirected to %s with %v, want credentials: %t", to, h, kept)
		}
	}
}

// HTTP/2 is spoken where the server can, also with a TLS and a DialContext of our own,
// which turn it off in a plain http.Transport. The caller's tls.Config is not changed.
func TestNewClientHTTP2(t *testing.T) {
	clientAnswerLeaks(t)
	ts := httptest.NewUnstartedServer(http.NotFoundHandler())
	ts.EnableHTTP2 = true
	ts.StartTLS()
	defer ts.Close()
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	config := ch08.ClientConfig{TLS: &tls.Config{RootCAs: roots},
		DialContext: new(net.Dialer).DialContext}
	client := ch08.NewClient(config)
	defer client.CloseIdleConnections()
	resp, err := client.Get(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 || config.TLS.NextProtos != nil {
		t.Errorf("%s, the caller's NextProtos = %q, want HTTP/2 and none",
			resp.Proto, config.TLS.NextProtos)
	}
}

func TestNewClientHeaderBytes(t *testing.T) {
	clientAnswerLeaks(t)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Giant", strings.Repeat("x", 64<<10)) // 64 KiB
	}))
	defer ts.Close()
	for limit, refused := range map[int64]bool{0: true, 128 << 10: false, -1: false} {
		client := ch08.NewClient(ch08.ClientConfig{HeaderBytes: limit})
		resp, err := client.Get(ts.URL)
		if err == nil {
			resp.Body.Close()
		}
		if (err != nil) != refused {
			t.Errorf("HeaderBytes %d: error = %v, want one: %t", limit, err, refused)
		}
		client.CloseIdleConnections()
	}
}

// What http.DefaultClient sets and what it does not, beside our defaults.
func TestDefaultClientLimits(t *testing.T) {
	def, ours := http.DefaultClient, ch08.NewClient(ch08.ClientConfig{})
	a, b := http.DefaultTransport.(*http.Transport), ours.Transport.(*http.Transport)
	row := func(name string, def, ours any, missing bool) {
		t.Helper()
		t.Logf("%-24s default %-8v NewClient %v", name, def, ours)
		if isZero := fmt.Sprint(def) == "0" || fmt.Sprint(def) == "0s"; isZero != missing {
			t.Errorf("the default %s is %v, want missing: %t", name, def, missing)
		}
	}
	row("Timeout", def.Timeout, ours.Timeout, true)
	row("ResponseHeaderTimeout", a.ResponseHeaderTimeout, b.ResponseHeaderTimeout, true)
	row("MaxConnsPerHost", a.MaxConnsPerHost, b.MaxConnsPerHost, true)
	row("MaxIdleConnsPerHost", a.MaxIdleConnsPerHost, b.MaxIdleConnsPerHost, true) // then 2
	row("MaxResponseHeaderBytes", a.MaxResponseHeaderBytes, b.MaxResponseHeaderBytes, true)
	row("TLSHandshakeTimeout", a.TLSHandshakeTimeout, b.TLSHandshakeTimeout, false)
	row("IdleConnTimeout", a.IdleConnTimeout, b.IdleConnTimeout, false)
	row("MaxIdleConns", a.MaxIdleConns, b.MaxIdleConns, false)
	row("HTTP2.SendPingTimeout", cmp.Or(a.HTTP2, new(http.HTTP2Config)).SendPingTimeout,
		b.HTTP2.SendPingTimeout, true)
	if b.Proxy == nil {
		t.Error("NewClient ignores the environment's proxy")
	}
}

func ExampleNewClient() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // never answers; ends when the client leaves
	}))
	defer ts.Close()
	client := ch08.NewClient(ch08.ClientConfig{ResponseHeader: 50 * time.Millisecond})
	defer client.CloseIdleConnections()
	_, err := client.Get(ts.URL)
	fmt.Println("gave up:", os.IsTimeout(err))
	// Output: gave up: true
}
