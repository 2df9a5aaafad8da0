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
	"time"

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

// drainServe serves h to the connection that it returns.
func drainServe(t *testing.T, h http.HandlerFunc) (conn net.Conn, stop func()) {
	t.Helper()
	srv := &http.Server{Handler: ch09.Drain(1 << 10)(h)}
	l := drainListener{make(chan net.Conn), make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	conn, server := net.Pipe()
	l.conn <- server
	return conn, func() {
		conn.Close()
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-done
	}
}

// After a Hijack the body is the handler's: net/http panics, in whatever goroutine then
// uses the connection, if anybody reads from the request.
func TestDrainHijacked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, stop := drainServe(t, func(w http.ResponseWriter, _ *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			http.NewResponseController(w).Hijack() // fails, and changes nothing
			go func() {
				defer c.Close()
				io.WriteString(c, "echo: ") // an error shows in what the client reads
				io.CopyN(c, rw, 5)          // likewise
			}()
		})
		defer stop()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"+
			"Content-Length: 5\r\n\r\n")
		synctest.Wait() // the handler has returned
		go io.WriteString(conn, "hello")
		if b, err := io.ReadAll(conn); string(b) != "echo: hello" || err != nil {
			t.Errorf("hijacked connection answers %q, %v, want echo: hello", b, err)
		}
	})
}

// A client that waits for "100 Continue" sends no body before it has an answer, and gets
// none before the handler is done: nobody must wait for the body meanwhile.
func TestDrainExpectContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, stop := drainServe(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "not wanted", http.StatusForbidden)
		})
		defer stop()
		start := time.Now()
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"+
			"Content-Length: 5\r\n\r\n")
		conn.SetReadDeadline(start.Add(time.Minute)) // cannot fail: conn is open
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if d := time.Since(start); resp.StatusCode != http.StatusForbidden || d != 0 {
			t.Errorf("answer = %s after %v, want 403 at once", resp.Status, d)
		}
	})
}

// Nothing is read where the connection is not to be kept, or is not HTTP/1.1's.
func TestDrainNotAtAll(t *testing.T) {
	for name, tt := range map[string]struct {
		major int
		next  http.HandlerFunc
	}{
		"HTTP/2": {2, func(http.ResponseWriter, *http.Request) {}},
		"refused": {1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
		}},
	} {
		body := &drainBody{Reader: strings.NewReader("hello")}
		r := httptest.NewRequest("POST", "/", nil)
		r.Body, r.ProtoMajor = body, tt.major
		ch09.Drain(1<<10)(tt.next).ServeHTTP(httptest.NewRecorder(), r)
		if body.Len() != 5 || body.closed {
			t.Errorf("%s: %d of 5 bytes left, closed %t, want all and false", name, body.Len(), body.closed)
		}
	}
}

// The 413 of a handler that refuses the body by Connection: close does not wait for more
// of it.
func TestDrainRefusedBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, stop := drainServe(t, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10)); err != nil {
				w.Header().Set("Connection", "close")
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			}
		})
		defer stop()
		start := time.Now()
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"+
			"14\r\n01234567890123456789\r\n")
		conn.SetReadDeadline(start.Add(time.Minute)) // cannot fail: conn is open
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if d := time.Since(start); resp.StatusCode != 413 || d != 0 {
			t.Errorf("answer = %s after %v, want 413 at once", resp.Status, d)
		}
	})
}
