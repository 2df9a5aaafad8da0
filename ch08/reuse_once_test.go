package ch08_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch08/internal/pipe"
)

// reuseOnceGet reads the whole body and closes it, as every request should.
func reuseOnceGet(t testing.TB, rt http.RoundTripper, url string, closeConn bool) {
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

// A program that talks once to each of many hosts does not gain from kept connections,
// and each stays open until its timeout. Request.Close also closes the server's side.
func TestReuseOnceToManyHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		closeConn bool
		kept      int64
	}{{"kept-alive", false, 50}, {"Request.Close", true, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
					if r.Close != tt.closeConn {
						t.Errorf("the server sees Close %t, want %t", r.Close, tt.closeConn)
					}
					io.WriteString(w, "hello") // a failure shows at the client
				})
				_, tr := s.Client(t)
				for i := range 50 {
					reuseOnceGet(t, tr, fmt.Sprintf("http://host%d.example/", i), tt.closeConn)
				}
				synctest.Wait()
				if got := s.Open.Load(); got != tt.kept {
					t.Errorf("%d connections to 50 hosts stay open, want %d", got, tt.kept)
				}
				t.Logf("%-14s %2d connections to 50 hosts stay open", tt.name, s.Open.Load())
			})
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
				reuseOnceGet(b, bb.ts.Client().Transport, bb.ts.URL, bb.closeConn)
			}
		})
	}
}
