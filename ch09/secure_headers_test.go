package ch09_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"network-programming-with-go/ch09"
)

func TestSecureHeaders(t *testing.T) {
	for _, tt := range []struct {
		name string
		next http.HandlerFunc
		csp  string
	}{
		{"success", func(http.ResponseWriter, *http.Request) {}, ch09.ContentSecurityPolicy},
		{"error", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "failed", http.StatusInternalServerError)
		}, ch09.ContentSecurityPolicy},
		{"own policy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		}, "default-src 'self'"},
		{"added value", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Content-Security-Policy", "default-src 'self'") // both hold
		}, ch09.ContentSecurityPolicy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			ch09.SecureHeaders(tt.next).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
			h := rec.Result().Header
			for name, want := range map[string]string{
				"Content-Security-Policy":      tt.csp,
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Referrer-Policy":              "same-origin",
				"Cross-Origin-Opener-Policy":   "same-origin",
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
