package ch09_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

// serverStart runs handler in the bubble and returns its listener and a function that
// stops it and returns what Run returned.
func serverStart(t *testing.T, handler http.Handler) (*memory.Listener, func() error) {
	t.Helper()
	return serverRun(t, ch09.NewServer("", handler))
}

func serverRun(t *testing.T, srv *http.Server) (*memory.Listener, func() error) {
	t.Helper()
	l := memory.Listen()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch09.Run(ctx, srv, l) }()
	return l, func() error { cancel(); return <-done }
}

func TestServerSlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := serverStart(t, http.NotFoundHandler())
		conn := l.Dial(t)
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

func TestServerSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		read := make(chan error, 1)
		l, stop := serverStart(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		}))
		conn := l.Dial(t)
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
		conn := l.Dial(t)
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
		conn := l.Dial(t)
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
			conn := l.Dial(t)
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
