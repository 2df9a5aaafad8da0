package ch09_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/leak"
)

// diskServer serves a new directory, which it returns too.
func diskServer(t *testing.T) (http.Handler, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return ch09.FileServer(ch09.DirFS(root)), dir
}

func diskWrite(t *testing.T, dir, name, text string, modified time.Time) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, modified, modified); err != nil {
		t.Fatal(err)
	}
}

func diskGet(t *testing.T, h http.Handler, path string, header ...string) (status int, body string, got http.Header) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	before := fmt.Sprint(r.Header)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if after := fmt.Sprint(r.Header); after != before {
		t.Errorf("the handler changed its request's header from %s to %s", before, after)
	}
	return rec.Code, rec.Body.String(), rec.Header()
}

// A date has seconds, and a file may change twice in one. Dates can also go back.
func TestFileServerValidators(t *testing.T) {
	leak.Check(t)
	h, dir := diskServer(t)
	then := time.Date(2026, 1, 2, 3, 4, 5, 100_000_000, time.UTC)
	diskWrite(t, dir, "a.txt", "old text", then)
	_, _, old := diskGet(t, h, "/a.txt")
	oldTag, oldDate := old.Get("ETag"), old.Get("Last-Modified")
	if oldTag == "" || strings.HasPrefix(oldTag, "W/") || oldDate != "Fri, 02 Jan 2026 03:04:05 GMT" {
		t.Fatalf("ETag %q, Last-Modified %q, want a strong one and the file's time", oldTag, oldDate)
	}
	for _, tt := range []struct {
		name     string
		text     string
		modified time.Time
		header   []string
		status   int
		body     string
	}{
		{"unchanged, by ETag", "old text", then, []string{"If-None-Match", oldTag}, 304, ""},
		{"unchanged, by date", "old text", then, []string{"If-Modified-Since", oldDate}, 304, ""},
		{"unchanged, rest by ETag", "old text", then, []string{"If-Range", oldTag, "Range", "bytes=4-"}, 206, "text"},
		{"same second, by ETag", "new text", then.Add(time.Millisecond), []string{"If-None-Match", oldTag}, 200, "new text"},
		{"same second, rest by ETag", "new text", then.Add(time.Millisecond),
			[]string{"If-Range", oldTag, "Range", "bytes=4-"}, 200, "new text"},
		{"same second, rest by date", "new text", then.Add(time.Millisecond),
			[]string{"If-Range", oldDate, "Range", "bytes=4-"}, 200, "new text"},
		{"one byte more, same time", "new text!", then, []string{"If-None-Match", oldTag}, 200, "new text!"},
		{"older, by ETag", "new text", then.Add(-time.Hour), []string{"If-None-Match", oldTag}, 200, "new text"},
		{"older, by date", "new text", then.Add(-time.Hour), []string{"If-Modified-Since", oldDate}, 200, "new text"},
		{"older, by both", "new text", then.Add(-time.Hour),
			[]string{"If-None-Match", oldTag, "If-Modified-Since", oldDate}, 200, "new text"},
		{"newer, by date", "new text", then.Add(time.Second), []string{"If-Modified-Since", oldDate}, 200, "new text"},
		{"no condition", "new text", then, []string{"Range", "bytes=4-"}, 206, "text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diskWrite(t, dir, "a.txt", tt.text, tt.modified)
			status, body, _ := diskGet(t, h, "/a.txt", tt.header...)
			t.Logf("%v: %d %q", tt.header, status, body)
			if status != tt.status || body != tt.body {
				t.Errorf("%v = %d %q, want %d %q", tt.header, status, body, tt.status, tt.body)
			}
		})
	}
}

// A file that was written a moment ago may change again within one tick of the file
// system's clock. Its ETag is good for a whole response and not for putting parts together.
func TestFileServerFreshFile(t *testing.T) {
	leak.Check(t)
	h, dir := diskServer(t)
	diskWrite(t, dir, "a.txt", "old text", time.Now())
	_, _, header := diskGet(t, h, "/a.txt")
	tag := header.Get("ETag")
	if !strings.HasPrefix(tag, "W/") {
		t.Fatalf("ETag %q of a fresh file, want a weak one", tag)
	}
	if status, _, _ := diskGet(t, h, "/a.txt", "If-None-Match", tag); status != 304 {
		t.Errorf("If-None-Match %s = %d, want 304", tag, status)
	}
	if status, body, _ := diskGet(t, h, "/a.txt", "If-Range", tag, "Range", "bytes=4-"); status != 200 {
		t.Errorf("If-Range %s = %d %q, want 200", tag, status, body)
	}
}

func TestFileServerDirectory(t *testing.T) {
	leak.Check(t)
	h, dir := diskServer(t)
	diskWrite(t, dir, "notes.txt", "0123456789", time.Now().Add(-time.Hour))
	diskWrite(t, dir, "../outside.txt", "secret", time.Now())
	link := filepath.Join(dir, "link.txt")
	if err := os.Symlink(filepath.Join("..", "outside.txt"), link); err != nil {
		t.Skipf("%s: no symbolic link to try: %v", runtime.GOOS, err)
	}
	status, _, _ := diskGet(t, http.FileServer(http.Dir(dir)), "/link.txt")
	t.Logf("http.Dir on a link that leads out: %d", status)
	if status != 200 {
		t.Errorf("http.Dir on a link that leads out = %d, want 200", status)
	}
	status, body, _ := diskGet(t, h, "/link.txt")
	t.Logf("FileServer on the same link: %d %q", status, body)
	if status != 404 || strings.Contains(body, "secret") {
		t.Errorf("a link led out of the directory: %d %q", status, body)
	}
	if status, body, _ := diskGet(t, h, "/notes.txt"); status != 200 || body != "0123456789" {
		t.Errorf("file = %d %q, want 200", status, body)
	}
	if status, body, _ := diskGet(t, h, "/notes.txt/below"); status != 404 {
		t.Errorf("below a file = %d %q, want 404", status, body)
	}
	for _, name := range []string{strings.Repeat("n", 300), "a%00b"} {
		if status, body, _ := diskGet(t, h, "/"+name); status != 404 {
			t.Errorf("%s, which no file can have, = %d %q, want 404", name, status, body)
		}
	}
}

func TestDirFS(t *testing.T) {
	leak.Check(t)
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	fsys := ch09.DirFS(root)
	for _, name := range []string{"..", "/a", "../a", ""} { // fs.FS wants such names refused
		if f, err := fsys.Open(name); err == nil {
			f.Close()
			t.Errorf("Open(%q) succeeded", name)
		}
	}
	f, err := fsys.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.(io.Seeker); !ok {
		t.Error("a file of DirFS cannot seek")
	}
	f.Close()
	root.Close()
	h := ch09.FileServer(fsys)
	if status, _, _ := diskGet(t, h, "/a"); status != 500 {
		t.Errorf("after Close of the root: %d, want 500", status)
	}
}
