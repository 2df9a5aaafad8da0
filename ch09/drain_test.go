package ch09_test

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch09"
)

// drainListener accepts one in-memory connection. In a synctest bubble the half second
// for which net/http lingers over each connection that it gives up costs nothing.
type drainListener struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l drainListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l drainListener) Close() error   { close(l.closed); return nil }
func (l drainListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// drainPost sends size bytes to h, which reads none of them. It reports whether the
// server keeps the connection.
func drainPost(t *testing.T, h http.Handler, size int) (kept bool) {
	t.Helper()
	srv := &http.Server{Handler: h}
	l := drainListener{make(chan net.Conn), make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	conn, server := net.Pipe()
	l.conn <- server
	go func() {
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n", size)
		conn.Write(make([]byte, size)) // error: the server has closed, see the answer
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	conn.Close()
	if err := srv.Shutdown(t.Context()); err != nil { // closes l too, and waits
		t.Error(err)
	}
	<-done
	return !resp.Close
}

func TestDrain(t *testing.T) {
	const large = 300 << 10 // more than the 256 KiB that net/http reads by itself
	for _, tt := range []struct {
		name         string
		limit        int64 // -1: no middleware
		body, answer int
		kept         bool
	}{
		{"net/http alone, small body", -1, 100 << 10, 10, true},
		{"net/http alone, large body", -1, large, 10, false},
		{"drained, large body", 2 * large, large, 10, true},
		{"drained to the limit", large, large, 10, true},
		{"body beyond the limit", large, 2 * large, 10, false},
		{"too late for a large answer", 2 * large, large, 10 << 10, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Write(make([]byte, tt.answer)) // error: a client that went away
				})
				if tt.limit >= 0 {
					h = ch09.Drain(tt.limit)(h)
				}
				kept := drainPost(t, h, tt.body)
				t.Logf("%d bytes unread, answer of %d: connection kept %t", tt.body, tt.answer, kept)
				if kept != tt.kept {
					t.Errorf("connection kept: %t, want %t", kept, tt.kept)
				}
			})
		})
	}
}

func TestDrainLimits(t *testing.T) {
	for _, tt := range []struct{ limit, read int64 }{
		{-2, 0}, {0, 1}, {4, 5}, {5, 5}, {math.MaxInt64, 5}, // one more than the limit: the end
	} {
		body := &drainBody{Reader: strings.NewReader("hello")}
		r := httptest.NewRequest("POST", "/", nil)
		r.Body = body
		ch09.Drain(tt.limit)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).
			ServeHTTP(httptest.NewRecorder(), r)
		if got := 5 - int64(body.Len()); got != tt.read || !body.closed {
			t.Errorf("Drain(%d) of 5 bytes: read %d, closed %t, want %d, true",
				tt.limit, got, body.closed, tt.read)
		}
	}
}

type drainBody struct {
	*strings.Reader
	closed bool
}

func (b *drainBody) Close() error { b.closed = true; return nil }
