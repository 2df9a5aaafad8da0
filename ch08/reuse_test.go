package ch08_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// reuseServer is a server in memory that counts its connections.
type reuseServer struct {
	conns     chan net.Conn
	made, now atomic.Int64 // connections in all, and open at present
}

func (s *reuseServer) Accept() (net.Conn, error) {
	if c, ok := <-s.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (s *reuseServer) Close() error   { close(s.conns); return nil } // once, by Shutdown
func (s *reuseServer) Addr() net.Addr { return &net.TCPAddr{} }

// Transport returns one with the defaults of a zero http.Transport.
func (s *reuseServer) Transport() *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		local, remote := net.Pipe()
		s.conns <- remote
		return local, nil
	}}
}

func reuseServe(t testing.TB, h http.HandlerFunc) *reuseServer {
	s := &reuseServer{conns: make(chan net.Conn)}
	srv := &http.Server{Handler: h, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.made.Add(1)
			s.now.Add(1)
		case http.StateClosed:
			s.now.Add(-1)
		}
	}}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s) }()
	t.Cleanup(func() {
		srv.Shutdown(context.Background()) // closes idle ones too; in memory it cannot fail
		<-served
	})
	return s
}

// reuseGet reads the whole answer and closes it, as every request should.
func reuseGet(t testing.TB, rt http.RoundTripper, url string, closeConn bool) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return
	}
	req.Close = closeConn
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}

// How many connections ten requests make, and how many of these stay open after them.
// The handler takes a second of the bubble's time, so that parallel requests overlap.
func TestReuseConnections(t *testing.T) {
	t.Parallel()
	const n, url = 10, "http://peer.example/"
	t.Logf("%-50s %5s %5s", "ten requests", "made", "kept")
	for _, tt := range []struct {
		name       string
		do         func(t testing.TB, tr *http.Transport, s *reuseServer)
		made, kept int64
	}{
		{"one after the other", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			for range n {
				reuseGet(t, tr, url, false)
			}
		}, 1, 1},
		{"Request.Close", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			for range n {
				reuseGet(t, tr, url, true)
			}
		}, n, 0},
		{"Request.Close on the fifth only", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			for i := range n {
				reuseGet(t, tr, url, i == 4)
			}
		}, 2, 1},
		{"DisableKeepAlives", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			tr.DisableKeepAlives = true
			for range n {
				reuseGet(t, tr, url, false)
			}
		}, n, 0},
		{"the server answers Connection: close", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			for range n {
				reuseGet(t, tr, url+"close", false)
			}
		}, n, 0},
		{"CloseIdleConnections after the fifth", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			for i := range n {
				reuseGet(t, tr, url, false)
				if i == 4 {
					tr.CloseIdleConnections()
				}
			}
		}, 2, 1},
		{"CloseIdleConnections after the last", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			for range n {
				reuseGet(t, tr, url, false)
			}
			tr.CloseIdleConnections()
		}, 1, 0},
		{"IdleConnTimeout shorter than the pauses", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			tr.IdleConnTimeout = 30 * time.Second
			for range n {
				reuseGet(t, tr, url, false)
				time.Sleep(40 * time.Second)
			}
		}, n, 0},
		{"IdleConnTimeout longer than the pauses", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			tr.IdleConnTimeout = 30 * time.Second
			for range n {
				reuseGet(t, tr, url, false)
				time.Sleep(20 * time.Second)
			}
		}, 1, 1},
		{"a Transport for each, kept-alive (a leak)", func(t testing.TB, tr *http.Transport, s *reuseServer) {
			for range n {
				reuseGet(t, s.Transport(), url, false) // nobody can close these any more
			}
		}, n, n},
		{"at once", reuseAtOnce(n, nil), n, 2}, // http.DefaultMaxIdleConnsPerHost
		{"at once, MaxIdleConnsPerHost 5", reuseAtOnce(n, func(tr *http.Transport) {
			tr.MaxIdleConnsPerHost = 5
		}), n, 5},
		{"at once, MaxConnsPerHost 3", reuseAtOnce(n, func(tr *http.Transport) {
			tr.MaxConnsPerHost, tr.MaxIdleConnsPerHost = 3, 3
		}), 3, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := reuseServe(t, func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(time.Second)
				if r.URL.Path == "/close" {
					w.Header().Set("Connection", "close")
				}
				io.WriteString(w, "hello") // a failure shows at the client
			})
			tr := s.Transport()
			defer tr.CloseIdleConnections()
			tt.do(t, tr, s)
			synctest.Wait()
			if made, kept := s.made.Load(), s.now.Load(); made != tt.made || kept != tt.kept {
				t.Errorf("%s: %d connections made, %d kept, want %d, %d", tt.name, made, kept, tt.made, tt.kept)
			}
			t.Logf("%-50s %5d %5d", tt.name, s.made.Load(), s.now.Load())
		})
	}
}

func reuseAtOnce(n int, set func(*http.Transport)) func(testing.TB, *http.Transport, *reuseServer) {
	return func(t testing.TB, tr *http.Transport, s *reuseServer) {
		if set != nil {
			set(tr)
		}
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { reuseGet(t, tr, "http://peer.example/", false) })
		}
		wg.Wait()
	}
}

// MaxConnsPerHost makes requests wait, it does not fail them: ten of a second each over
// three connections take four seconds.
func TestReuseMaxConnsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reuseServe(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			io.WriteString(w, "hello") // a failure shows at the client
		})
		tr := s.Transport()
		defer tr.CloseIdleConnections()
		start := time.Now()
		reuseAtOnce(10, func(tr *http.Transport) {
			tr.MaxConnsPerHost, tr.MaxIdleConnsPerHost = 3, 3
		})(t, tr, s)
		if got := time.Since(start); got != 4*time.Second {
			t.Errorf("ten requests over three connections took %v, want 4s", got)
		}
	})
}

// A program that talks once to each of many hosts gains nothing from kept connections
// and pays for each until its timeout. Request.Close tells the server too, so that both
// sides are rid of it at once.
func TestReuseOnceToManyHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		closeConn bool
		kept      int64
	}{{"kept-alive", false, 50}, {"Request.Close", true, 0}} {
		synctest.Test(t, func(t *testing.T) {
			s := reuseServe(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Close != tt.closeConn {
					t.Errorf("the server sees Close %t, want %t", r.Close, tt.closeConn)
				}
				io.WriteString(w, "hello") // a failure shows at the client
			})
			tr := s.Transport()
			defer tr.CloseIdleConnections()
			for i := range 50 {
				reuseGet(t, tr, fmt.Sprintf("http://host%d.example/", i), tt.closeConn)
			}
			synctest.Wait()
			if got := s.now.Load(); got != tt.kept {
				t.Errorf("%s: %d connections to 50 hosts stay open, want %d", tt.name, got, tt.kept)
			}
			t.Logf("%-14s %2d connections to 50 hosts stay open", tt.name, s.now.Load())
		})
	}
}

// Reused against fresh connections, with and without TLS.
func BenchmarkReuse(b *testing.B) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello") // a failure shows at the client
	})
	plain, secure := httptest.NewServer(hello), httptest.NewTLSServer(hello)
	defer plain.Close()
	defer secure.Close()
	for _, bb := range []struct {
		name      string
		ts        *httptest.Server
		closeConn bool
	}{
		{"tcp/reused", plain, false}, {"tcp/fresh", plain, true},
		{"tls/reused", secure, false}, {"tls/fresh", secure, true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				reuseGet(b, bb.ts.Client().Transport, bb.ts.URL, bb.closeConn)
			}
		})
	}
}

// httptrace tells for each request whether its connection was used before.
func Example_reuse() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello") // a failure shows at the client
	}))
	defer ts.Close()
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { fmt.Println("reused:", i.Reused) },
	})
	for i := range 4 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.URL, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Close = i == 1 // the second is the last on its connection
		resp, err := ts.Client().Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		io.Copy(io.Discard, resp.Body) // what fails here is not reused
		resp.Body.Close()
	}
	// Output:
	// reused: false
	// reused: true
	// reused: false
	// reused: true
}
