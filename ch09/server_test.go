package ch09_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
)

// serverListener accepts the far ends of in-memory connections: in a synctest bubble a
// real socket would stop the clock.
type serverListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *serverListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *serverListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *serverListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *serverListener) dial() net.Conn {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
	case <-l.closed:
		client.Close()
	}
	return client
}

// serverStart runs handler in the bubble and returns its listener and a function that
// stops it and returns what Run returned.
func serverStart(t *testing.T, handler http.Handler) (*serverListener, func() error) {
	t.Helper()
	l := &serverListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch09.Run(ctx, ch09.NewServer("", handler), l) }()
	return l, func() error { cancel(); return <-done }
}

func TestServerSlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := serverStart(t, http.NotFoundHandler())
		conn := l.dial()
		defer conn.Close()
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, b := range []byte("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") {
				if _, err := conn.Write([]byte{b}); err != nil {
					return // the server has closed: what the test waits for
				}
				time.Sleep(time.Second)
			}
		})
		// net/http takes what came as a whole line, so there may be a 400 before the end.
		answer, err := io.ReadAll(conn)
		got := time.Since(start)
		status, _, _ := strings.Cut(string(answer), "\r\n")
		t.Logf("a header at 1 byte a second: closed after %v, %q, error %v", got, status, err)
		if err != nil {
			t.Errorf("read error = %v, want the end of the connection", err)
		}
		if got != ch09.ReadHeaderTimeout {
			t.Errorf("closed after %v, want %v", got, ch09.ReadHeaderTimeout)
		}
		wg.Wait()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Over HTTP/2 a header may come in many frames, and it is IdleTimeout that ends a
// connection on which no stream is open yet.
func TestServerSlowHeaderHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &serverListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := ch09.NewServer("", http.NotFoundHandler())
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetUnencryptedHTTP2(true)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- ch09.Run(ctx, srv, l) }()
		conn := l.dial()
		defer conn.Close()
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			// A frame is length, type, flags and stream (RFC 9113, section 4.1): SETTINGS,
			// HEADERS without END_HEADERS, and CONTINUATION without end.
			conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
				"\x00\x00\x00\x04\x00\x00\x00\x00\x00" +
				"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82"))
			for err := error(nil); err == nil; time.Sleep(3 * time.Second) {
				_, err = conn.Write([]byte("\x00\x00\x00\x09\x00\x00\x00\x00\x01"))
			}
		})
		io.Copy(io.Discard, conn) // an error ends it as well: until the server closes
		got := time.Since(start)
		t.Logf("a header without end over HTTP/2: closed after %v", got)
		if want := ch09.IdleTimeout; got < want || got > want+5*time.Second {
			t.Errorf("closed after %v, want %v and a little", got, want)
		}
		conn.Close()
		wg.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestServerSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		read := make(chan error, 1)
		l, stop := serverStart(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		}))
		conn := l.dial()
		defer conn.Close()
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nfour")
		err := <-read
		t.Logf("body of 5 bytes, 4 sent: handler got %v after %v", err, time.Since(start))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read error = %v, want os.ErrDeadlineExceeded", err)
		}
		if got := time.Since(start); got != ch09.ReadTimeout {
			t.Errorf("body given up after %v, want %v", got, ch09.ReadTimeout)
		}
		go io.Copy(io.Discard, conn) // the answer to a handler that returns
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestServerSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrote := make(chan error, 1)
		l, stop := serverStart(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(make([]byte, 1<<20)) // more than any buffer on the way
			wrote <- err
		}))
		conn := l.dial()
		defer conn.Close()
		start := time.Now()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") // and never read
		err := <-wrote
		t.Logf("peer does not read: handler got %v after %v", err, time.Since(start))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write error = %v, want os.ErrDeadlineExceeded", err)
		}
		if got := time.Since(start); got != ch09.WriteTimeout {
			t.Errorf("answer given up after %v, want %v", got, ch09.WriteTimeout)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestServerIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := serverStart(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		conn := l.dial()
		defer conn.Close()
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
		br := bufio.NewReader(conn)
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		start := time.Now()
		if _, err := br.ReadByte(); err != io.EOF {
			t.Errorf("idle connection: read error = %v, want EOF", err)
		}
		t.Logf("idle connection: closed after %v", time.Since(start))
		if got := time.Since(start); got != ch09.IdleTimeout {
			t.Errorf("idle connection closed after %v, want %v", got, ch09.IdleTimeout)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestServerGiantHeader(t *testing.T) {
	for _, tt := range []struct {
		size, want int
	}{
		{ch09.MaxHeaderBytes / 2, http.StatusOK},
		{2 * ch09.MaxHeaderBytes, http.StatusRequestHeaderFieldsTooLarge},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, stop := serverStart(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			conn := l.dial()
			defer conn.Close()
			go fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nX: %s\r\n\r\n",
				strings.Repeat("x", tt.size))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			t.Logf("header of %d KiB: %s", tt.size>>10, resp.Status)
			if resp.StatusCode != tt.want {
				t.Errorf("header of %d bytes: %s, want %d", tt.size, resp.Status, tt.want)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
