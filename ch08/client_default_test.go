package ch08_test

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
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
