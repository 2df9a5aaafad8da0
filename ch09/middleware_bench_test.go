package ch09_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/metrics"
)

// middlewareLayers are chains that grow layer by layer, around one route of a mux.
func middlewareLayers() []struct {
	name    string
	handler http.Handler
	allocs  float64 // objects a request may allocate; slog has a pool, which -race empties
} {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) {})
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	measure := ch09.Measure(new(metrics.Metrics), mux)
	guard := ch09.AllowMethods("GET", "POST")
	hide := ch09.RestrictPrefix(".")
	return []struct {
		name    string
		handler http.Handler
		allocs  float64
	}{
		{"mux", mux, 0},
		{"AllowMethods", guard(mux), 0},
		{"RestrictPrefix", hide(mux), 0},
		{"CloseUnread", ch09.CloseUnread(mux), 0},
		{"SecureHeaders", ch09.SecureHeaders(mux), 0},
		{"Measure", measure(mux), 1},
		{"LogRequests", ch09.LogRequests(log)(mux), 6},
		{"all", ch09.Chain(mux, measure, ch09.LogRequests(log), ch09.CloseUnread, guard, hide,
			ch09.SecureHeaders), 8},
	}
}

func TestMiddlewareAllocations(t *testing.T) {
	var base float64
	for _, tt := range middlewareLayers() {
		w := &middlewareWriter{header: http.Header{}}
		r := httptest.NewRequest("GET", "/hello", nil)
		tt.handler.ServeHTTP(w, r) // the first request adds the route to the metrics
		n := testing.AllocsPerRun(100, func() { tt.handler.ServeHTTP(w, r) })
		if tt.name == "mux" {
			base = n
		}
		t.Logf("%-15s %v objects a request", tt.name, n-base)
		if n-base > tt.allocs {
			t.Errorf("%s allocates %v objects a request, want at most %v", tt.name, n-base, tt.allocs)
		}
	}
}

// middlewareWriter keeps nothing, so that what is counted is the middleware's own.
type middlewareWriter struct{ header http.Header }

func (w *middlewareWriter) Header() http.Header         { return w.header }
func (w *middlewareWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *middlewareWriter) WriteHeader(int)             {}

func BenchmarkMiddleware(b *testing.B) {
	for _, bb := range middlewareLayers() {
		b.Run(bb.name, func(b *testing.B) {
			w := &middlewareWriter{header: http.Header{}}
			r := httptest.NewRequest("GET", "/hello", nil)
			b.ReportAllocs()
			for b.Loop() {
				bb.handler.ServeHTTP(w, r)
			}
		})
	}
}
