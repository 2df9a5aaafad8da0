package ch09_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"network-programming-with-go/ch09"
)

// fileServerFS is like embed.FS: no file has a modification time.
var fileServerFS = fstest.MapFS{
	"index.html":      {Data: []byte("<p>home</p>")},
	"notes.txt":       {Data: []byte("0123456789")},
	"same.txt":        {Data: []byte("0123456789")},
	"empty/a.txt":     {Data: []byte("a")},
	"1970.txt":        {Data: []byte("old"), ModTime: time.Unix(0, 0)}, // it may change
	"full/index.html": {Data: []byte("<p>full</p>")},
}

func fileServerGet(h http.Handler, path string, header ...string) *http.Response {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Result()
}

func TestFileServer(t *testing.T) {
	h := ch09.FileServer(fileServerFS)
	tag := fileServerGet(h, "/notes.txt").Header.Get("ETag")
	if tag == "" || tag != fileServerGet(h, "/same.txt").Header.Get("ETag") {
		t.Errorf("ETag = %q, want one, the same for the same content", tag)
	}
	for _, tt := range []struct {
		name, path string
		header     []string
		status     int
		body       string
		etag       bool
	}{
		{"whole", "/notes.txt", nil, 200, "0123456789", true},
		{"range", "/notes.txt", []string{"Range", "bytes=2-4"}, 206, "234", true},
		{"last bytes", "/notes.txt", []string{"Range", "bytes=-3"}, 206, "789", true},
		{"range beyond", "/notes.txt", []string{"Range", "bytes=10-"}, 416,
			"invalid range: failed to overlap\n", false},
		{"not modified", "/notes.txt", []string{"If-None-Match", tag}, 304, "", true},
		{"modified", "/notes.txt", []string{"If-None-Match", `"other"`}, 200, "0123456789", true},
		{"range of this version", "/notes.txt", []string{"If-Range", tag, "Range", "bytes=0-0"},
			206, "0", true},
		{"range of another", "/notes.txt", []string{"If-Range", `"other"`, "Range", "bytes=0-0"},
			200, "0123456789", true},
		{"precondition", "/notes.txt", []string{"If-Match", `"other"`}, 412, "", true},
		{"index", "/", nil, 200, "<p>home</p>", true},
		{"index of a directory", "/full/", nil, 200, "<p>full</p>", true},
		{"missing slash", "/full", nil, 301, "", false},
		{"index by name", "/full/index.html", nil, 301, "", false},
		{"no listing", "/empty/", nil, 404, "404 page not found\n", false},
		{"missing", "/nowhere", nil, 404, "404 page not found\n", false},
		{"missing directory", "/nowhere/", nil, 404, "404 page not found\n", false},
		{"above the root", "/../notes.txt", nil, 200, "0123456789", true},
		{"time of 1970", "/1970.txt", nil, 200, "old", false},
		{"file as a directory", "/notes.txt/", nil, 301, "", false},
		{"below a file", "/notes.txt/x", nil, 404, "404 page not found\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := fileServerGet(h, tt.path, tt.header...)
			body, err := io.ReadAll(resp.Body)
			t.Logf("%s %v: %d %q, ETag %s", tt.path, tt.header,
				resp.StatusCode, body, resp.Header.Get("ETag"))
			if err != nil || resp.StatusCode != tt.status || string(body) != tt.body {
				t.Errorf("GET %s = %d %q, %v, want %d %q", tt.path,
					resp.StatusCode, body, err, tt.status, tt.body)
			}
			if got := resp.Header.Get("ETag") != ""; got != tt.etag {
				t.Errorf("GET %s: ETag there: %t, want %t", tt.path, got, tt.etag)
			}
		})
	}
}

// Redirects are relative, as StripPrefix may have taken a part of the path away.
func TestFileServerRedirects(t *testing.T) {
	h := ch09.FileServer(fstest.MapFS{
		"a b/index.html": {Data: []byte("hi")}, "c:d/index.html": {Data: []byte("hi")},
		"?/index.html": {Data: []byte("hi")}, "f.txt": {Data: []byte("f")},
	})
	for path, want := range map[string]string{
		"/a%20b":            "a%20b/",
		"/a%20b?q=1&r":      "a%20b/?q=1&r",
		"/a%20b/index.html": "./",
		"/c:d":              "./c:d/", // else c: would be a scheme
		"/%3F":              "%3F/",
		"/f.txt/":           "../f.txt",
		"/index.html":       "./",
	} {
		resp := fileServerGet(h, path)
		if got := resp.Header.Get("Location"); got != want || resp.StatusCode != 301 {
			t.Errorf("GET %s = %d to %q, want 301 to %q", path, resp.StatusCode, got, want)
		}
	}
}

func ExampleFileServer() {
	h := ch09.FileServer(fstest.MapFS{"notes.txt": {Data: []byte("0123456789")}})
	resp := fileServerGet(h, "/notes.txt", "Range", "bytes=-3")
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, resp.Header.Get("Content-Range"), string(body), err)
	// Output: 206 Partial Content bytes 7-9/10 789 <nil>
}
