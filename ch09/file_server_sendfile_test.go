package ch09_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"network-programming-with-go/ch09"
)

const sendfileSize = 3<<20 + 5 // several parts of ProgressWriter

func sendfileRoot(tb testing.TB) *os.Root {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "big"), make([]byte, sendfileSize), 0o600); err != nil {
		tb.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { root.Close() })
	return root
}

// sendfileListener's connections note whether they were handed a file to send.
type sendfileListener struct {
	net.Listener
	file *atomic.Bool
}

func (l sendfileListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return sendfileConn{conn, l.file}, err
}

type sendfileConn struct {
	net.Conn
	file *atomic.Bool
}

func (c sendfileConn) ReadFrom(r io.Reader) (int64, error) {
	if lr, ok := r.(*io.LimitedReader); ok {
		_, file := lr.R.(*os.File)
		c.file.Store(file)
	}
	return c.Conn.(io.ReaderFrom).ReadFrom(r)
}

func TestFileServerKeepsSendfile(t *testing.T) {
	root := sendfileRoot(t)
	for _, tt := range []struct {
		name string
		h    http.Handler
		file bool
	}{
		{"http.FileServer(http.Dir)", http.FileServer(http.Dir(root.Name())), true},
		{"http.FileServerFS", http.FileServerFS(root.FS()), false},
		{"FileServer", ch09.FileServer(ch09.DirFS(root)), true},
		{"FileServer of os.Root's own FS", ch09.FileServer(root.FS()), true},
		{"FileServer in middleware", ch09.Chain(ch09.FileServer(ch09.DirFS(root)), ch09.LogRequests(nil),
			ch09.CloseUnread, ch09.RestrictPrefix(".")), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var file atomic.Bool
			ts := httptest.NewUnstartedServer(tt.h)
			ts.Listener = sendfileListener{ts.Listener, &file}
			ts.Start()
			defer ts.Close()
			resp, err := ts.Client().Get(ts.URL + "/big")
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if n != sendfileSize || err != nil {
				t.Fatalf("read %d bytes, %v", n, err)
			}
			t.Logf("the connection was handed the file itself: %t", file.Load())
			if file.Load() != tt.file {
				t.Errorf("handed the file: %t, want %t", file.Load(), tt.file)
			}
		})
	}
}

func BenchmarkFileServer(b *testing.B) {
	root := sendfileRoot(b)
	for _, bb := range []struct {
		name string
		h    http.Handler
	}{
		{"http.FileServerFS", http.FileServerFS(root.FS())},
		{"FileServer", ch09.FileServer(ch09.DirFS(root))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ts := httptest.NewServer(bb.h)
			defer ts.Close()
			b.SetBytes(sendfileSize) // bytes of one file
			b.ReportAllocs()
			for b.Loop() {
				resp, err := ts.Client().Get(ts.URL + "/big")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}
