package ch08_test

import (
	"errors"
	"fmt"
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
