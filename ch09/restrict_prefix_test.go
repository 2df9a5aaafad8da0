package ch09_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"network-programming-with-go/ch09"
)

const restrictSecret = "only for the owner"

// restrictSite makes a directory with visible and hidden files, and serves it as the
// book does: StripPrefix, RestrictPrefix, a real file server.
func restrictSite(tb testing.TB) http.Handler {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range map[string]string{
		"page.txt":         "a page",
		"sub/page.txt":     "another page",
		"dots.in.name":     "not hidden",
		"100%.txt":         "a name that is not a valid encoding",
		"%2esecret":        "a name that looks encoded, and is not a dot file",
		".secret":          restrictSecret,
		".dir/secret":      restrictSecret,
		"sub/.secret":      restrictSecret,
		"sub/.dir/a/b.txt": restrictSecret,
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return http.StripPrefix("/static/",
		ch09.RestrictPrefix(".")(http.FileServer(http.Dir(dir))))
}

func TestRestrictPrefix(t *testing.T) {
	ts := httptest.NewServer(restrictSite(t))
	defer ts.Close()
	client := ts.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	for _, tt := range []struct {
		path   string
		status int
	}{
		{"/static/page.txt", 200},
		{"/static/sub/page.txt", 200},
		{"/static/dots.in.name", 200},
		{"/static/100%25.txt", 200},
		{"/static/.secret", 404},
		{"/static/%2esecret", 404},         // encoded
		{"/static/%2Esecret", 404},         // as the other case
		{"/static/%252esecret", 404},       // encoded twice
		{"/static/%25252esecret", 404},     // and again
		{"/static/%25%32%65secret", 404},   // its parts encoded
		{"/static/%25zz/%252esecret", 404}, // beside what cannot be decoded
		{"/static//.secret", 404},          // doubled slash
		{"/static/.dir/secret", 404},       // nested below a hidden directory
		{"/static/%2edir/secret", 404},
		{"/static/sub/.secret", 404},
		{"/static/sub%2f.secret", 404}, // encoded slash
		{"/static/sub%5c.secret", 404}, // backslash
		{"/static/sub/.dir/a/b.txt", 404},
		{"/static/./page.txt", 404}, // unclean paths are for the mux to redirect
		{"/static/../page.txt", 404},
		{"/static/sub/../.secret", 404},
		{"/static/.", 404},
		{"/static/.secret/", 404},
	} {
		resp, err := client.Get(ts.URL + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		t.Logf("%-28s %s", tt.path, resp.Status)
		if err != nil || resp.StatusCode != tt.status {
			t.Errorf("GET %s = %d, %v, want %d", tt.path, resp.StatusCode, err, tt.status)
		}
		if strings.Contains(string(body), restrictSecret) {
			t.Errorf("GET %s served a hidden file", tt.path)
		}
	}
}

// With no file server behind it that answers 404 as well, each refusal is the guard's.
func TestRestrictPrefixOther(t *testing.T) {
	h := ch09.RestrictPrefix("private-")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for path, want := range map[string]int{
		"/": 200, "/public": 200, "/.git": 200, "/not-private-": 200,
		"/private-a": 404, "/a/private-/b": 404, "/%70rivate-a": 404, `/a%5cprivate-`: 404,
		"/100%25": 200, "/%25zz/a": 200, // what cannot be decoded hides nothing
		"/%2570rivate-a": 404, "/%252570rivate-a": 404, // encoded twice, and again
		"/%257%2530rivate-a":   404, // decoding one digit makes another encoding
		"/%25zz/%2570rivate-a": 404, // beside what cannot be decoded
	} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != want {
			t.Errorf("GET %s = %d, want %d", path, rec.Code, want)
		}
	}
}

// Certificate authorities and others ask for /.well-known/ (RFC 8615), which begins with a
// dot. Only the first segment may be an exception, and nothing hidden below it is one.
func TestRestrictPrefixExcept(t *testing.T) {
	pass := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	with, without := ch09.RestrictPrefix(".", ".well-known")(pass), ch09.RestrictPrefix(".")(pass)
	for _, tt := range []struct {
		path          string
		with, without int
	}{
		{"/.well-known/security.txt", 200, 404},
		{"/%2ewell-known/security.txt", 200, 404},
		{"/.well-known", 200, 404},
		{"/.well-known/.git", 404, 404},
		{"/.well-known/%252egit", 404, 404},
		{"/.well-known/.well-known", 404, 404},
		{"/a/.well-known/x", 404, 404},
		{"/.well-known-not", 404, 404},
		{"/.git", 404, 404},
		{"/a", 200, 200},
	} {
		a, b := httptest.NewRecorder(), httptest.NewRecorder()
		with.ServeHTTP(a, httptest.NewRequest("GET", tt.path, nil))
		without.ServeHTTP(b, httptest.NewRequest("GET", tt.path, nil))
		if a.Code != tt.with || b.Code != tt.without {
			t.Errorf("GET %s = %d with the exception, %d without, want %d, %d",
				tt.path, a.Code, b.Code, tt.with, tt.without)
		}
	}
}

// Whatever the request line says, and wherever a redirect from there leads, no hidden
// file is served.
// Decoded again and again, each time by one "25", this path would take seconds, and be
// copied 30,000 times: one request, and a processor is busy.
func ExampleRestrictPrefix() {
	files := ch09.RestrictPrefix(".")(http.FileServer(http.Dir(".")))
	for _, path := range []string{"/.git/config", "/%2egit/config"} {
		rec := httptest.NewRecorder()
		files.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, rec.Code)
	}
	// Output:
	// /.git/config 404
	// /%2egit/config 404
}

func FuzzRestrictPrefix(f *testing.F) {
	for _, path := range []string{
		"page.txt", ".secret", "%2esecret", "%252e%64ir/secret", "sub//.secret", "sub/..%2f.secret",
		"sub%5c.secret", "./.secret", "sub/.dir/a/b.txt", "%zz/.secret", "\x00.secret", "?/.secret",
	} {
		f.Add(path)
	}
	site := restrictSite(f)
	f.Fuzz(func(t *testing.T, path string) {
		for range 5 { // follow redirects
			line := "GET /static/" + path + " HTTP/1.1\r\nHost: a.test\r\n\r\n"
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line)))
			if err != nil {
				return // net/http would answer 400
			}
			rec := httptest.NewRecorder()
			site.ServeHTTP(rec, r)
			if bytes.Contains(rec.Body.Bytes(), []byte(restrictSecret)) {
				t.Fatalf("GET /static/%q = %d %q", path, rec.Code, rec.Body)
			}
			to, err := r.URL.Parse(rec.Header().Get("Location"))
			if err != nil || rec.Code/100 != 3 {
				return
			}
			path = strings.TrimPrefix(to.RequestURI(), "/static/")
		}
	})
}
