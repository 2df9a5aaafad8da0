package ch08_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/leak"
	"network-programming-with-go/ch08/internal/pipe"
)

// The limits of http.DefaultClient next to those of NewClient.
func TestDefaultClientLimits(t *testing.T) {
	def, ours := http.DefaultClient, ch08.NewClient(nil)
	a, b := http.DefaultTransport.(*http.Transport), ours.Transport.(*http.Transport)
	row := func(name string, def, got, want any, missing bool) {
		t.Helper()
		t.Logf("%-24s default %-8v NewClient %v", name, def, got)
		if got != want {
			t.Errorf("%s of NewClient = %v, want %v", name, got, want)
		}
		if isZero := fmt.Sprint(def) == "0" || fmt.Sprint(def) == "0s"; isZero != missing {
			t.Errorf("the default %s is %v, want missing: %t", name, def, missing)
		}
	}
	row("Timeout", def.Timeout, ours.Timeout, 30*time.Second, true)
	row("ResponseHeaderTimeout", a.ResponseHeaderTimeout, b.ResponseHeaderTimeout, 15*time.Second, true)
	row("MaxConnsPerHost", a.MaxConnsPerHost, b.MaxConnsPerHost, 64, true)
	row("MaxIdleConnsPerHost", a.MaxIdleConnsPerHost, b.MaxIdleConnsPerHost, 16, true) // then 2
	row("MaxResponseHeaderBytes", a.MaxResponseHeaderBytes, b.MaxResponseHeaderBytes, int64(64<<10), true)
	row("TLSHandshakeTimeout", a.TLSHandshakeTimeout, b.TLSHandshakeTimeout, 5*time.Second, false)
	row("IdleConnTimeout", a.IdleConnTimeout, b.IdleConnTimeout, time.Minute, false)
	row("MaxIdleConns", a.MaxIdleConns, b.MaxIdleConns, 128, false)
	row("ExpectContinueTimeout", a.ExpectContinueTimeout, b.ExpectContinueTimeout, time.Second, false)
	row("HTTP2.SendPingTimeout", cmp.Or(a.HTTP2, new(http.HTTP2Config)).SendPingTimeout,
		b.HTTP2.SendPingTimeout, 15*time.Second, true)
	row("HTTP2.PingTimeout", cmp.Or(a.HTTP2, new(http.HTTP2Config)).PingTimeout,
		b.HTTP2.PingTimeout, 15*time.Second, true)
	row("TLS version", 0, b.TLSClientConfig.MinVersion, uint16(tls.VersionTLS12), true)
}

// A response that takes a day: http.DefaultClient waits for it.
func TestDefaultClientWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(24 * time.Hour):
			case <-r.Context().Done():
			}
		})
		tr := http.DefaultTransport.(*http.Transport).Clone()
		tr.DialContext = server.Dial
		defer tr.CloseIdleConnections()
		plain := *http.DefaultClient
		plain.Transport = tr
		for _, tt := range []struct {
			name   string
			client *http.Client
			want   time.Duration
		}{
			{"http.DefaultClient", &plain, 24 * time.Hour},
			{"NewClient", ch08.NewClient(server.Dial), 15 * time.Second},
		} {
			start := time.Now()
			resp, err := tt.client.Get("http://127.0.0.1/")
			if err == nil {
				resp.Body.Close()
			}
			if got := time.Since(start); got != tt.want {
				t.Errorf("%s waited %v, want %v", tt.name, got, tt.want)
			}
			t.Logf("%-18s waited %-8v error: %v", tt.name, time.Since(start), err)
		}
	})
}

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

// A body held back by "Expect: 100-continue" is sent after a second without a response.
func TestNewClientExpectContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		server := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Second) // does not read, so the server does not send 100
		})
		held := make(chan time.Duration, 1)
		body := clientReader(func([]byte) (int, error) {
			held <- time.Since(start)
			return 0, io.EOF
		})
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Expect", "100-continue")
		client := ch08.NewClient(server.Dial)
		defer client.CloseIdleConnections()
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := <-held; got != time.Second {
			t.Errorf("body sent after %v, want 1s", got)
		}
	})
}

type clientReader func([]byte) (int, error)

func (f clientReader) Read(p []byte) (int, error) { return f(p) }
