package ch09_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"network-programming-with-go/ch09"
)

func TestAllowMethods(t *testing.T) {
	for _, tt := range []struct {
		allowed []string
		method  string
		reaches bool
		allow   string
	}{
		{[]string{"POST", "GET"}, "GET", true, ""},
		{[]string{"POST", "GET"}, "HEAD", true, ""},
		{[]string{"POST", "GET"}, "POST", true, ""},
		{[]string{"POST", "GET"}, "TRACE", false, "GET, HEAD, POST"},
		{[]string{"POST", "GET"}, "get", false, "GET, HEAD, POST"},
		{[]string{"POST", "POST"}, "HEAD", false, "POST"},
		{nil, "GET", false, ""}, // Allow is there, and empty: nothing is allowed
	} {
		reached := false
		h := ch09.AllowMethods(tt.allowed...)(http.HandlerFunc(
			func(w http.ResponseWriter, _ *http.Request) {
				reached = true
				io.WriteString(w, "secret")
			}))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(tt.method, "/", nil))
		allow, present := rec.Header()["Allow"]
		t.Logf("%q: %s = %d, Allow %q, reached %t", tt.allowed, tt.method, rec.Code, allow, reached)
		if reached != tt.reaches {
			t.Errorf("%s with %q allowed reached the next handler: %t", tt.method, tt.allowed, reached)
		}
		if tt.reaches {
			continue
		}
		if rec.Code != http.StatusMethodNotAllowed || !present || allow[0] != tt.allow {
			t.Errorf("%s = %d, Allow %q, want 405, %q", tt.method, rec.Code, allow, tt.allow)
		}
		if got := rec.Body.String(); got != "method not allowed\n" {
			t.Errorf("%s: body = %q, want the refusal alone", tt.method, got)
		}
	}
}

// The slip that the guard's return avoids: status and Allow look right, and only a look
// at what the handler did shows that it ran.
func TestAllowMethodsForgottenReturn(t *testing.T) {
	deleted := false
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { deleted = true })
	slip := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		}
		next.ServeHTTP(w, r)
	})
	rec := httptest.NewRecorder()
	slip.ServeHTTP(rec, httptest.NewRequest("DELETE", "/", nil))
	if rec.Code != 405 || !deleted {
		t.Fatalf("the slip: %d, deleted %t, want 405 and a handler that ran", rec.Code, deleted)
	}
	deleted = false
	rec = httptest.NewRecorder()
	ch09.AllowMethods("GET")(next).ServeHTTP(rec, httptest.NewRequest("DELETE", "/", nil))
	t.Logf("without return: 405 and deleted; with it: %d, deleted %t", rec.Code, deleted)
	if rec.Code != 405 || deleted {
		t.Errorf("AllowMethods: %d, deleted %t, want 405, false", rec.Code, deleted)
	}
}

func ExampleAllowMethods() {
	h := ch09.AllowMethods("GET", "POST")(http.NotFoundHandler())
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("TRACE", "/", nil))
	fmt.Println(rec.Code, rec.Header().Get("Allow"))
	// Output: 405 GET, HEAD, POST
}
