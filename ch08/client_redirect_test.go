package ch08_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/leak"
)

func TestNewClientRedirects(t *testing.T) {
	leak.Check(t)
	var hits atomic.Int64
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		if n, err := strconv.Atoi(r.URL.Path[1:]); err != nil {
			t.Errorf("path = %s, want a number", r.URL.Path)
		} else if n > 0 {
			http.Redirect(w, r, fmt.Sprint("/", n-1), http.StatusFound)
		}
	}))
	defer ts.Close()
	client := ch08.NewClient(nil)
	defer client.CloseIdleConnections()
	for _, tt := range []struct {
		redirects int
		want      error
	}{{0, nil}, {5, nil}, {6, ch08.ErrTooManyRedirects}} {
		hits.Store(0)
		resp, err := client.Get(fmt.Sprint(ts.URL, "/", tt.redirects))
		if err == nil {
			resp.Body.Close()
		}
		wantHits := min(tt.redirects, 5) + 1
		if got := int(hits.Load()); !errors.Is(err, tt.want) || got != wantHits {
			t.Errorf("%d redirects: %d requests, error %v, want %d, %v",
				tt.redirects, got, err, wantHits, tt.want)
		}
	}
}

// net/http drops the credentials of a request that is redirected to another host, and
// keeps the rest.
func TestNewClientRedirectsCredentials(t *testing.T) {
	leak.Check(t)
	got := make(chan http.Header, 1)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		got <- r.Header
	}))
	defer ts.Close()
	// This dial finds every host at ts.
	client := ch08.NewClient(func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", ts.Listener.Addr().String())
	})
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

// A plain http.Transport with a dial function and a TLS configuration has no HTTP/2.
func TestNewClientHTTP2(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewUnstartedServer(http.NotFoundHandler())
	ts.EnableHTTP2 = true
	ts.StartTLS()
	defer ts.Close()
	roots := x509.NewCertPool()
	roots.AddCert(ts.Certificate())
	client := ch08.NewClient(new(net.Dialer).DialContext)
	defer client.CloseIdleConnections()
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = roots
	resp, err := client.Get(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("protocol = %s, want HTTP/2", resp.Proto)
	}
}

func TestNewClientHeaderBytes(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Giant", strings.Repeat("x", 64<<10)) // 64 KiB
	}))
	defer ts.Close()
	client := ch08.NewClient(nil)
	defer client.CloseIdleConnections()
	for _, refused := range []bool{true, false} {
		if !refused {
			client.Transport.(*http.Transport).MaxResponseHeaderBytes = 128 << 10
		}
		resp, err := client.Get(ts.URL)
		if err == nil {
			resp.Body.Close()
		}
		if (err != nil) != refused {
			t.Errorf("header of 64 KiB: error = %v, want one: %t", err, refused)
		}
	}
}
