package ch09_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
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

// fileServerBroken has an index.html that cannot be opened, as without descriptors left.
type fileServerBroken struct{ fstest.MapFS }

func (f fileServerBroken) Open(name string) (fs.File, error) {
	if path.Base(name) == "index.html" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("too many open files")}
	}
	return f.MapFS.Open(name)
}

// Where index.html cannot be opened, net/http lists the directory.
func TestFileServerNeverLists(t *testing.T) {
	broken := fileServerBroken{fstest.MapFS{
		"d/index.html": {Data: []byte("hi")}, "d/secret.txt": {Data: []byte("hidden")}}}
	for name, h := range map[string]http.Handler{
		"http.FileServerFS": http.FileServerFS(broken), "FileServer": ch09.FileServer(broken)} {
		resp := fileServerGet(h, "/d/")
		body, err := io.ReadAll(resp.Body)
		t.Logf("%s: %d %q, %v", name, resp.StatusCode, body, err)
		if name == "FileServer" && (resp.StatusCode != 500 || strings.Contains(string(body), "secret")) {
			t.Errorf("index.html cannot be opened: %d %q, want 500 and no names", resp.StatusCode, body)
		}
	}
}

func TestFileServerDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"site/notes.txt": "0123456789",
		"outside.txt":    "secret",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "site", "link.txt")
	if err := os.Symlink(filepath.Join("..", "outside.txt"), link); err != nil {
		t.Logf("%s: no symbolic link to try: %v", runtime.GOOS, err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, "site"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	h := ch09.FileServer(root.FS())

	resp := fileServerGet(h, "/notes.txt")
	modified := resp.Header.Get("Last-Modified")
	if resp.StatusCode != 200 || modified == "" || resp.Header.Get("ETag") != "" {
		t.Errorf("file on disk: %d, Last-Modified %q, ETag %q, want 200, a time, none",
			resp.StatusCode, modified, resp.Header.Get("ETag"))
	}
	if resp := fileServerGet(h, "/notes.txt", "If-Modified-Since", modified); resp.StatusCode != 304 {
		t.Errorf("If-Modified-Since %s = %d, want 304", modified, resp.StatusCode)
	}
	dirResp := fileServerGet(http.FileServer(http.Dir(root.Name())), "/link.txt")
	t.Logf("http.Dir on the same link: %d", dirResp.StatusCode)
	if _, err := os.Stat(link); err == nil && dirResp.StatusCode != 200 {
		t.Errorf("http.Dir on a link that leads out = %d, want 200", dirResp.StatusCode)
	}
	resp = fileServerGet(h, "/link.txt")
	body, err := io.ReadAll(resp.Body)
	t.Logf("link out of the directory: %d %q", resp.StatusCode, body)
	if err != nil || resp.StatusCode != 404 || strings.Contains(string(body), "secret") {
		t.Errorf("a link led out of the directory: %d %q, %v", resp.StatusCode, body, err)
	}
}

// fileServerListener accepts one in-memory connection, for a synctest bubble.
type fileServerListener struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l fileServerListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l fileServerListener) Close() error   { close(l.closed); return nil }
func (l fileServerListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// 2.5 MiB at 32 KiB a second take 80 s, more than the server's WriteTimeout of 60 s.
func TestFileServerSlowDownload(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve func(fstest.MapFS) http.Handler
		whole bool
	}{
		{"FileServer", func(f fstest.MapFS) http.Handler { return ch09.FileServer(f) }, true},
		{"http.FileServerFS", func(f fstest.MapFS) http.Handler { return http.FileServerFS(f) }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			const size = 5 << 19
			files := fstest.MapFS{"big": {Data: make([]byte, size)}}
			srv := ch09.NewServer("", tt.serve(files))
			l := fileServerListener{make(chan net.Conn), make(chan struct{})}
			done := make(chan error, 1)
			go func() { done <- srv.Serve(l) }()
			conn, server := net.Pipe()
			l.conn <- server
			fmt.Fprint(conn, "GET /big HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")

			start, n := time.Now(), 0
			buf := make([]byte, 64<<10)
			for {
				m, err := io.ReadFull(conn, buf)
				n += m
				if err != nil {
					break
				}
				time.Sleep(2 * time.Second)
			}
			t.Logf("%s at 32 KiB a second: %d bytes in %v", tt.name, n, time.Since(start))
			if (n > size) != tt.whole {
				t.Errorf("%s: %d bytes, header included, of %d: whole file %t, want %t",
					tt.name, n, size, n > size, tt.whole)
			}
			conn.Close()
			srv.Close() // closes l too
			<-done
		})
	}
}

func ExampleFileServer() {
	h := ch09.FileServer(fstest.MapFS{"notes.txt": {Data: []byte("0123456789")}})
	resp := fileServerGet(h, "/notes.txt", "Range", "bytes=-3")
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, resp.Header.Get("Content-Range"), string(body), err)
	// Output: 206 Partial Content bytes 7-9/10 789 <nil>
}
