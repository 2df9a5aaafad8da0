package ch09_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"network-programming-with-go/ch09"
)

// measureTrace notes what it is told.
type measureTrace []string

func (m *measureTrace) Begin(route string) { *m = append(*m, fmt.Sprintf("begin %q", route)) }
func (m *measureTrace) End(arrived, route string, status int, bytes int64, _ time.Duration) {
	*m = append(*m, fmt.Sprintf("end %q %q %d %d", arrived, route, status, bytes))
}

func TestMeasure(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello")
	})
	mux.HandleFunc("/tree/{a}/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	for _, tt := range []struct {
		name, method, path string
		mux                *http.ServeMux
		want               []string
	}{
		{"mux known", "GET", "/item/7", mux, []string{
			`begin "GET /item/{id}"`, `end "GET /item/{id}" "GET /item/{id}" 200 5`}},
		{"mux unknown", "GET", "/item/7", nil, []string{
			`begin ""`, `end "" "GET /item/{id}" 200 5`}},
		{"HEAD", "HEAD", "/item/7", mux, []string{
			`begin "GET /item/{id}"`, `end "GET /item/{id}" "GET /item/{id}" 200 0`}},
		{"no route", "GET", "/nowhere", mux, []string{`begin ""`, `end "" "" 404 19`}},
		{"CONNECT that the mux redirects", "CONNECT", "/tree/secret", mux, []string{
			`begin ""`, `end "" "" 307 0`}},
		{"panic", "GET", "/panic", mux, []string{`begin "/panic"`, `end "/panic" "/panic" 500 0`}},
		{"failed", "GET", "/down", mux, []string{`begin "/down"`, `end "/down" "/down" 503 0`}},
		{"failed, client left", "GET", "/down", mux, []string{`begin "/down"`, `end "/down" "/down" 499 0`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got measureTrace
			h := ch09.Measure(&got, tt.mux)(mux)
			func() {
				defer func() {
					if recovered := recover() != nil; recovered != (tt.name == "panic") {
						t.Errorf("panicked %t", recovered)
					}
				}()
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if strings.HasSuffix(tt.name, "client left") {
					leave()
				}
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, tt.method, tt.path, nil))
			}()
			t.Logf("%q", got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s %s told %q, want %q", tt.method, tt.path, got, tt.want)
			}
		})
	}
}
