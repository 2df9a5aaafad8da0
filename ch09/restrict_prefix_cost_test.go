package ch09_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"network-programming-with-go/ch09"
)

func TestRestrictPrefixLongEncoding(t *testing.T) {
	h := ch09.RestrictPrefix(".")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w := httptest.NewRecorder()
	for end, want := range map[string]int{"": 200, "2e": 404} {
		r := httptest.NewRequest("GET", "/%"+strings.Repeat("25", 30_000)+end, nil)
		n := testing.AllocsPerRun(1, func() {
			w = httptest.NewRecorder()
			h.ServeHTTP(w, r)
		})
		t.Logf("path of %d bytes: %d, %v objects allocated", len(r.URL.Path), w.Code, n)
		if w.Code != want || n > 100 {
			t.Errorf("path of %d bytes: %d, %v objects allocated, want %d and few",
				len(r.URL.Path), w.Code, n, want)
		}
	}
}

func TestRestrictPrefixAllocatesNothing(t *testing.T) {
	h := ch09.RestrictPrefix(".")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/static/css/site/style.css", nil)
	if n := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, r) }); n != 0 {
		t.Errorf("a request that passes allocates %v objects, want 0", n)
	}
}
