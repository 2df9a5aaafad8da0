package ch09_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"network-programming-with-go/ch09"
)

func TestSecureHeaders(t *testing.T) {
	for _, tt := range []struct {
		name, url string
		next      http.HandlerFunc
		csp, coop string
	}{
		{"plain HTTP, where browsers complain about COOP", "http://a.test/", func(http.ResponseWriter, *http.Request) {}, ch09.ContentSecurityPolicy, ""},
		{"HTTPS", "https://a.test/", func(http.ResponseWriter, *http.Request) {}, ch09.ContentSecurityPolicy, "same-origin"},
		{"error", "https://a.test/", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "failed", http.StatusInternalServerError)
		}, ch09.ContentSecurityPolicy, "same-origin"},
		{"own policy", "https://a.test/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		}, "default-src 'self'", "same-origin"},
		{"added value", "https://a.test/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Content-Security-Policy", "default-src 'self'") // both hold
		}, ch09.ContentSecurityPolicy, "same-origin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			r := httptest.NewRequest("GET", tt.url, nil)
			ch09.SecureHeaders(tt.next).ServeHTTP(rec, r)
			h := rec.Result().Header
			for name, want := range map[string]string{
				"Content-Security-Policy":      tt.csp,
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Referrer-Policy":              "same-origin",
				"Cross-Origin-Opener-Policy":   tt.coop,
				"Cross-Origin-Resource-Policy": "same-origin",
				"Strict-Transport-Security":    "",
			} {
				if got := h.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
		})
	}
}

// The values are shared by all requests: what one handler does must not reach the next.
func TestSecureHeadersApart(t *testing.T) {
	first := true
	h := ch09.SecureHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if first {
			w.Header().Set("X-Frame-Options", "SAMEORIGIN")
			w.Header().Add("Referrer-Policy", "no-referrer")
			w.Header().Del("X-Content-Type-Options")
		}
		first = false
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	for name, want := range map[string]string{
		"X-Frame-Options": "[DENY]", "Referrer-Policy": "[same-origin]", "X-Content-Type-Options": "[nosniff]",
	} {
		if got := fmt.Sprint(rec.Result().Header[name]); got != want {
			t.Errorf("%s after another handler's change = %s, want %s", name, got, want)
		}
	}
}

func TestContentSecurityPolicyIsStrict(t *testing.T) {
	directives := strings.Split(ch09.ContentSecurityPolicy, "; ")
	t.Logf("%q", directives)
	if directives[0] != "default-src 'none'" {
		t.Errorf("first directive %q, want default-src 'none'", directives[0])
	}
	for _, d := range directives {
		name, value, _ := strings.Cut(d, " ")
		if value != "'none'" && value != "'self'" {
			t.Errorf("%s allows %q, want 'self' at most", name, value)
		}
	}
}
