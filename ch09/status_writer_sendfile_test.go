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

type statusWriterConn struct {
	net.Conn
	readFrom *atomic.Int64
	fromFile *atomic.Bool
}

func (c statusWriterConn) ReadFrom(r io.Reader) (int64, error) {
	if lr, ok := r.(*io.LimitedReader); ok {
		_, file := lr.R.(*os.File)
		c.fromFile.Store(file)
	}
	n, err := c.Conn.(io.ReaderFrom).ReadFrom(r)
	c.readFrom.Add(n)
	return n, err
}

type statusWriterListener struct {
	net.Listener
	conn statusWriterConn
}

func (l statusWriterListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	l.conn.Conn = conn
	return l.conn, err
}

func TestStatusWriterKeepsSendfile(t *testing.T) {
	const size = 1 << 20
	file := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) }
	for _, tt := range []struct {
		name     string
		handler  http.HandlerFunc
		sendfile bool
	}{
		{"no wrapper", serve, true},
		{"StatusWriter twice", func(w http.ResponseWriter, r *http.Request) {
			serve(ch09.NewStatusWriter(ch09.NewStatusWriter(w)), r)
		}, true},
		{"naive wrapper", func(w http.ResponseWriter, r *http.Request) {
			serve(struct{ http.ResponseWriter }{w}, r)
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var readFrom atomic.Int64
			var fromFile atomic.Bool
			ts := httptest.NewUnstartedServer(tt.handler)
			ts.Listener = statusWriterListener{ts.Listener, statusWriterConn{nil, &readFrom, &fromFile}}
			ts.Start()
			defer ts.Close()
			resp, err := ts.Client().Get(ts.URL)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if n != size || err != nil {
				t.Fatalf("read %d bytes, %v, want %d", n, err, size)
			}
			ts.Close() // waits for the handler
			t.Logf("%7d of %d bytes by ReadFrom, straight from the file: %t",
				readFrom.Load(), size, fromFile.Load())
			// The first 512 bytes go before: net/http may need them to tell the type.
			if got := readFrom.Load() >= size-512 && fromFile.Load(); got != tt.sendfile {
				t.Errorf("sendfile possible: %t, want %t", got, tt.sendfile)
			}
		})
	}
}
