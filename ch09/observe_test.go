package ch09_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

func TestObserve(t *testing.T) {
	cut := errors.New("the server is stopping")
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	content := func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 10_000)) }
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	bug := func(http.ResponseWriter, *http.Request) { panic("boom") }
	for _, tt := range []struct {
		name     string
		method   string
		cause    error // why the request's context has ended, if it has
		handler  http.HandlerFunc
		status   int
		bytes    int64
		panicked bool
	}{
		{"success", "GET", nil, content, 200, 10_000, false},
		{"HEAD sends nothing", "HEAD", nil, content, 200, 0, false},
		{"client's error", "GET", nil, status(404), 404, 0, false},
		{"service's error", "GET", nil, status(500), 500, 0, false},
		{"unusual status", "GET", nil, status(599), 599, 0, false},
		{"panic", "GET", nil, bug, 500, 0, true},
		{"abort, client there", "GET", nil, abort, 500, 0, true},
		{"success, client left", "GET", context.Canceled, content, 200, 10_000, false},
		{"client's error, client left", "GET", context.Canceled, status(404), 404, 0, false},
		{"failed, client left", "GET", context.Canceled, status(500), 499, 0, false},
		{"abort, client left", "GET", context.Canceled, abort, 499, 0, true},
		{"bug, client left", "GET", context.Canceled, bug, 500, 0, true},
		{"failed at a deadline", "GET", context.DeadlineExceeded, status(503), 503, 0, false},
		{"failed, cut off by the server", "GET", cut, status(503), 503, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if tt.cause == context.DeadlineExceeded {
				late, cancel := context.WithDeadline(ctx, time.Now())
				defer cancel()
				ctx = late
			} else if tt.cause != nil {
				cancel(tt.cause)
			}
			var got ch09.Outcome
			calls := 0
			func() {
				defer func() {
					if recovered := recover() != nil; recovered != tt.panicked {
						t.Errorf("panicked %t, want %t: it must go on to the server", recovered, tt.panicked)
					}
				}()
				ch09.Observe(tt.handler, httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, tt.method, "/", nil),
					func(o ch09.Outcome) { got = o; calls++ })
			}()
			t.Logf("%+v", got)
			if got.Status != tt.status || got.Bytes != tt.bytes || got.Panicked != tt.panicked || calls != 1 {
				t.Errorf("outcome %+v by %d calls, want %d, %d bytes, panicked %t by 1",
					got, calls, tt.status, tt.bytes, tt.panicked)
			}
		})
	}
}

func TestObserveRouteAndDuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.HandleFunc("/{a}/", func(http.ResponseWriter, *http.Request) { time.Sleep(3 * time.Second) })
		mux.HandleFunc("CONNECT /tunnel", func(http.ResponseWriter, *http.Request) {})
		for _, tt := range []struct {
			method, path, route string
			took                time.Duration
		}{
			{"GET", "/x/", "/{a}/", 3 * time.Second},
			{"GET", "/x", "/{a}/", 0}, // redirected
			{"GET", "/", "", 0},
			{"CONNECT", "/secret", "", 0}, // redirected: the mux takes the path for the pattern
			{"CONNECT", "/tunnel", "CONNECT /tunnel", 0},
		} {
			ch09.Observe(mux, httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.path, nil), func(o ch09.Outcome) {
				if o.Route != tt.route || o.Duration != tt.took {
					t.Errorf("%s %s: route %q, %v, want %q, %v", tt.method, tt.path, o.Route, o.Duration, tt.route, tt.took)
				}
			})
		}
	})
}

// A hijacked connection speaks another protocol, whatever the handler wrote before.
func TestObserveHijacked(t *testing.T) {
	outcome := make(chan ch09.Outcome, 1)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch09.Observe(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(ch09.NewStatusWriter(w)).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			conn.Close()
		}), w, r, func(o ch09.Outcome) { outcome <- o })
	}))
	defer ts.Close()
	if resp, err := ts.Client().Get(ts.URL); err == nil {
		resp.Body.Close()
		t.Errorf("a closed connection answered %s", resp.Status)
	}
	if got := <-outcome; got.Status != http.StatusSwitchingProtocols {
		t.Errorf("status %d of a hijacked connection, want 101", got.Status)
	}
}

// The whole way: a client leaves in the middle of a response that ReverseProxy passes on.
func TestObserveProxyClientLeaves(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first part")
		http.NewResponseController(w).Flush()
		<-r.Context().Done() // the rest never comes
	}))
	defer backend.Close()
	to, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	outcome := make(chan ch09.Outcome, 1)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // it tells that the copy failed, as it should
	}
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch09.Observe(proxy, w, r, func(o ch09.Outcome) { outcome <- o })
	}))
	defer ts.Close()
	resp, err := ts.Client().Get(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close() // leaves
	if got := <-outcome; got.Status != ch09.StatusClientClosed {
		t.Errorf("status %d for a client that left, want 499", got.Status)
	}
}

// What Run cuts off is the service's doing, though each request's context is canceled.
func TestObserveCutOffByRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outcome := make(chan ch09.Outcome, 1)
		l := memory.Listen()
		srv := ch09.NewServer("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ch09.Observe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				w.WriteHeader(503)
			}), w, r, func(o ch09.Outcome) { outcome <- o })
		}))
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- ch09.Run(ctx, srv, l) }()
		conn := l.Dial(t)
		defer conn.Close()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
		synctest.Wait()
		cancel()
		if err := <-ran; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run = %v, want context.DeadlineExceeded", err)
		}
		if got := <-outcome; got.Status != 503 {
			t.Errorf("status %d of a request that was cut off, want its 503", got.Status)
		}
		bufio.NewReader(conn).ReadByte() // the end
	})
}
