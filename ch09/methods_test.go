package ch09_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"network-programming-with-go/ch09"
)

func methodsSay(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, text) // error: a client that went away
	})
}

func TestMethods(t *testing.T) {
	for _, tt := range []struct {
		name    string
		methods ch09.Methods
		method  string
		status  int
		allow   string
		body    string
	}{
		{"get", ch09.Methods{"GET": methodsSay("got")}, "GET", 200, "", "got"},
		{"head by get", ch09.Methods{"GET": methodsSay("got")}, "HEAD", 200, "", ""},
		{"own head", ch09.Methods{"GET": methodsSay("got"),
			"HEAD": http.NotFoundHandler()}, "HEAD", 404, "", ""},
		{"head without get", ch09.Methods{"PUT": methodsSay("put")}, "HEAD", 405,
			"OPTIONS, PUT", ""},
		{"options", ch09.Methods{"PUT": nil, "GET": nil, "DELETE": nil}, "OPTIONS", 204,
			"DELETE, GET, HEAD, OPTIONS, PUT", ""},
		{"own options", ch09.Methods{"OPTIONS": methodsSay("mine")}, "OPTIONS", 200, "", "mine"},
		{"not allowed", ch09.Methods{"POST": nil, "GET": nil}, "DELETE", 405,
			"GET, HEAD, OPTIONS, POST", "method not allowed\n"},
		{"case matters", ch09.Methods{"GET": nil}, "get", 405, "GET, HEAD, OPTIONS",
			"method not allowed\n"},
		{"nil map", nil, "OPTIONS", 204, "OPTIONS", ""},
		{"empty map", ch09.Methods{}, "GET", 405, "OPTIONS", "method not allowed\n"},
		{"nil handler", ch09.Methods{"GET": nil}, "GET", 500, "", "no handler for GET\n"},
		{"nil function", ch09.Methods{"GET": http.HandlerFunc(nil)}, "GET", 500, "",
			"no handler for GET\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// A real server: a recorder would show the body of an answer to HEAD.
			ts := httptest.NewServer(tt.methods)
			defer ts.Close()
			req, err := http.NewRequestWithContext(t.Context(), tt.method, ts.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := ts.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			allow := resp.Header.Get("Allow")
			t.Logf("%s: %d, Allow %q, %q", tt.method, resp.StatusCode, allow, body)
			if resp.StatusCode != tt.status || allow != tt.allow || string(body) != tt.body {
				t.Errorf("%s = %d, Allow %q, %q, want %d, %q, %q", tt.method,
					resp.StatusCode, allow, body, tt.status, tt.allow, tt.body)
			}
		})
	}
}

// HEAD tells what GET would send: same status, type and length.
func TestMethodsHeadMatchesGet(t *testing.T) {
	ts := httptest.NewServer(ch09.Methods{"GET": methodsSay("Hello, friend!")})
	defer ts.Close()
	get, err := ts.Client().Get(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	get.Body.Close()
	head, err := ts.Client().Head(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	head.Body.Close()
	t.Logf("GET: %d bytes, HEAD: %d bytes announced", get.ContentLength, head.ContentLength)
	if head.ContentLength != get.ContentLength || head.ContentLength != 14 {
		t.Errorf("Content-Length: HEAD %d, GET %d, want 14", head.ContentLength, get.ContentLength)
	}
	if h, g := head.Header.Get("Content-Type"), get.Header.Get("Content-Type"); h != g {
		t.Errorf("Content-Type: HEAD %q, GET %q", h, g)
	}
}

// http.ServeMux has done most of this since Go 1.22: HEAD with GET and 405 with a sorted
// Allow. It does not answer OPTIONS, so Allow does not list it.
func TestMethodsBesideServeMux(t *testing.T) {
	methods := ch09.Methods{"GET": methodsSay("got"), "POST": methodsSay("posted")}
	mux := http.NewServeMux()
	for method, h := range methods {
		mux.Handle(method+" /", h)
	}
	for _, tt := range []struct {
		method           string
		methods, mux     int
		allow1, allowMux string
	}{
		{"GET", 200, 200, "", ""},
		{"HEAD", 200, 200, "", ""},
		{"POST", 200, 200, "", ""},
		{"PUT", 405, 405, "GET, HEAD, OPTIONS, POST", "GET, HEAD, POST"},
		{"OPTIONS", 204, 405, "GET, HEAD, OPTIONS, POST", "GET, HEAD, POST"},
	} {
		a, b := httptest.NewRecorder(), httptest.NewRecorder()
		methods.ServeHTTP(a, httptest.NewRequest(tt.method, "/", nil))
		mux.ServeHTTP(b, httptest.NewRequest(tt.method, "/", nil))
		t.Logf("%-7s Methods %d %q, ServeMux %d %q", tt.method,
			a.Code, a.Header().Get("Allow"), b.Code, b.Header().Get("Allow"))
		if a.Code != tt.methods || a.Header().Get("Allow") != tt.allow1 {
			t.Errorf("%s by Methods = %d, Allow %q", tt.method, a.Code, a.Header().Get("Allow"))
		}
		if b.Code != tt.mux || b.Header().Get("Allow") != tt.allowMux {
			t.Errorf("%s by ServeMux = %d, Allow %q", tt.method, b.Code, b.Header().Get("Allow"))
		}
	}
}

func ExampleMethods() {
	greet := ch09.Methods{
		http.MethodGet: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "Hello, friend!")
		}),
	}
	rec := httptest.NewRecorder()
	greet.ServeHTTP(rec, httptest.NewRequest(http.MethodDelete, "/", nil))
	fmt.Println(rec.Code, rec.Header().Get("Allow"))
	// Output: 405 GET, HEAD, OPTIONS
}

func ExampleMethods_Allow() {
	fmt.Println(ch09.Methods{"POST": nil, "DELETE": nil}.Allow())
	// Output: DELETE, OPTIONS, POST
}
