package ch09_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

// A response that did not arrive whole is not a success, whatever status was sent: 499 if
// that was the client's doing, else 500.
func TestObserveCut(t *testing.T) {
	const size = 4 << 20 // more than the connection holds
	part := make([]byte, 1<<10)
	for _, tt := range []struct {
		name    string
		method  string
		handler http.HandlerFunc
		reads   int64         // what the client reads of the body before it leaves
		stays   time.Duration // and how long it then stays
		status  int
	}{
		{"whole", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1024")
			w.Write(part)
		}, 1 << 10, 0, 200},
		{"HEAD", "HEAD", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1024")
		}, 0, 0, 200},
		{"not modified", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1024")
			w.WriteHeader(http.StatusNotModified)
		}, 0, 0, 304},
		{"more than announced", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1024")
			w.Write(part)
			w.Write(part) // the error is the handler's own
		}, 1 << 10, 0, 200},
		{"content where none may be", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			w.Write(part)
		}, 0, 0, 204},
		{"less than announced", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1025")
			w.Write(part)
		}, 1 << 10, 0, 500},
		{"nothing of what was announced", "GET", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1024")
		}, 0, 0, 500},
		{"client leaves", "GET", observeWrite(size, fmt.Sprint(size)), 1 << 10, 0, 499},
		{"client leaves, length unknown", "GET", observeWrite(size, ""), 1 << 10, 0, 499},
		{"client does not read", "GET", observeWrite(size, fmt.Sprint(size)), 1 << 10, 2 * time.Minute, 499},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outcome := make(chan ch09.Outcome, 1)
				srv := ch09.NewServer("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					ch09.Observe(tt.handler, w, r, func(o ch09.Outcome) { outcome <- o })
				}))
				l := memory.Listen()
				served := make(chan error, 1)
				go func() { served <- srv.Serve(l) }()
				conn := l.Dial(t)
				fmt.Fprintf(conn, "%s / HTTP/1.1\r\nHost: a.test\r\n\r\n", tt.method) // error: see the outcome
				var client sync.WaitGroup
				client.Go(func() {
					io.CopyN(io.Discard, conn, 200+tt.reads) // of header and body
					time.Sleep(tt.stays)
					conn.Close()
				})
				got := <-outcome
				t.Logf("%d, %d bytes after %v", got.Status, got.Bytes, got.Duration)
				if got.Status != tt.status {
					t.Errorf("outcome %+v, want %d", got, tt.status)
				}
				srv.Close() // error: would be about l
				<-served
				client.Wait()
			})
		})
	}
}

// observeWrite writes size bytes in parts, until that fails.
func observeWrite(size int, announced string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if announced != "" {
			w.Header().Set("Content-Length", announced)
		}
		part := make([]byte, 1<<10)
		for range size / len(part) {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}
}

// The same with a real file, which the kernel sends: it becomes shorter, or its client leaves.
func TestObserveCutFile(t *testing.T) {
	const size = 24 << 20 // more than two sockets hold
	for _, tt := range []struct {
		name   string
		during func(t *testing.T, file string, resp *http.Response)
		status int
	}{
		{"whole", func(t *testing.T, _ string, resp *http.Response) {
			if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
				t.Errorf("read %d bytes, %v, want %d", n, err, size)
			}
		}, 200},
		{"file becomes shorter", func(t *testing.T, file string, resp *http.Response) {
			if err := os.Truncate(file, size/2); err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, resp.Body); err == nil {
				t.Errorf("read %d bytes without error, want io.ErrUnexpectedEOF", n)
			}
		}, 500},
		{"client leaves", func(*testing.T, string, *http.Response) {}, 499},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "file.bin")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, size); err != nil { // sparse
				t.Fatal(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			outcome := make(chan ch09.Outcome, 1)
			files := ch09.FileServer(ch09.DirFS(root))
			ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ch09.Observe(files, w, r, func(o ch09.Outcome) { outcome <- o })
			}))
			defer ts.Close()
			resp, err := ts.Client().Get(ts.URL + "/file.bin")
			if err != nil {
				t.Fatal(err)
			}
			tt.during(t, file, resp)
			resp.Body.Close()
			if got := <-outcome; got.Status != tt.status || strings.HasPrefix(tt.name, "whole") != (got.Bytes == size) {
				t.Errorf("outcome %+v, want %d", got, tt.status)
			}
		})
	}
}
