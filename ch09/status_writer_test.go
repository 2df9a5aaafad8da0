package ch09_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"network-programming-with-go/ch09"
)

func TestStatusWriter(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
		bytes   int64
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}, 200, 0},
		{"body alone", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "hello")
		}, 200, 5},
		{"empty write", func(w http.ResponseWriter, _ *http.Request) {
			w.Write(nil)
			w.WriteHeader(404) // too late
		}, 200, 0},
		{"error", http.NotFound, 404, 19},
		{"status twice", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			w.WriteHeader(500) // superfluous
		}, 404, 0},
		{"early hints", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
		}, 201, 0},
		{"early hints alone", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
		}, 200, 0},
		{"switching protocols", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusSwitchingProtocols)
		}, 101, 0},
		{"flush", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.WriteHeader(404) // too late
		}, 200, 0},
		{"copy", func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, iotest.OneByteReader(strings.NewReader("hello")))
		}, 200, 5},
		{"copy after a status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			io.Copy(w, iotest.OneByteReader(strings.NewReader("hello")))
		}, 206, 5},
		{"copy before a status", func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, iotest.OneByteReader(strings.NewReader("hello")))
			w.WriteHeader(404) // too late
		}, 200, 5},
		{"copy of nothing before a status", func(w http.ResponseWriter, _ *http.Request) {
			io.Copy(w, strings.NewReader(""))
			w.WriteHeader(404)
		}, 404, 0},
		{"flush after a status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			w.(http.Flusher).Flush()
		}, 404, 0},
		{"copy that fails at once", func(w http.ResponseWriter, _ *http.Request) {
			if _, err := io.Copy(w, iotest.ErrReader(io.ErrClosedPipe)); err != nil {
				w.WriteHeader(502)
			}
		}, 502, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan *ch09.StatusWriter, 1)
			ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sw := ch09.NewStatusWriter(w)
				tt.handler(sw, r)
				seen <- sw
			}))
			ts.Config.ErrorLog = log.New(io.Discard, "", 0) // superfluous calls, on purpose
			ts.Start()
			defer ts.Close()
			conn, err := net.Dial("tcp", ts.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
			br := bufio.NewReader(conn)
			resp, err := http.ReadResponse(br, nil)
			for err == nil && resp.StatusCode == http.StatusEarlyHints {
				resp, err = http.ReadResponse(br, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			sw := <-seen
			t.Logf("noted %d and %d bytes, client got %d", sw.Status(), sw.Bytes(), resp.StatusCode)
			if sw.Status() != tt.status || sw.Bytes() != tt.bytes {
				t.Errorf("noted %d and %d bytes, want %d and %d", sw.Status(), sw.Bytes(), tt.status, tt.bytes)
			}
			if resp.StatusCode != tt.status {
				t.Errorf("client got %d, want %d", resp.StatusCode, tt.status)
			}
		})
	}
}

// statusWriterConn counts what reaches the connection by ReadFrom, the way to sendfile.
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

// A wrapper without ReadFrom makes io.Copy move each byte of a file through the process.
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

func TestStatusWriterKeepsController(t *testing.T) {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(ch09.NewStatusWriter(ch09.NewStatusWriter(w)))
		for name, err := range map[string]error{
			"SetReadDeadline":  rc.SetReadDeadline(time.Now().Add(time.Hour)),
			"SetWriteDeadline": rc.SetWriteDeadline(time.Now().Add(time.Hour)),
			"EnableFullDuplex": rc.EnableFullDuplex(),
			"Flush":            rc.Flush(),
		} {
			if err != nil {
				t.Errorf("%s through two StatusWriters: %v", name, err)
			}
		}
		conn, _, err := rc.Hijack()
		if err != nil {
			t.Errorf("Hijack through two StatusWriters: %v", err)
			return
		}
		conn.Close()
	}))
	defer ts.Close()
	resp, err := ts.Client().Get(ts.URL)
	if err == nil {
		resp.Body.Close() // the header came by Flush
	}
	// A writer that cannot: the wrapper must not claim that it did.
	sw := ch09.NewStatusWriter(struct{ http.ResponseWriter }{httptest.NewRecorder()})
	rc := http.NewResponseController(sw)
	if err := rc.Flush(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Flush of a writer without Flush = %v, want http.ErrNotSupported", err)
	}
	sw.WriteHeader(404) // nothing was sent before
	if _, _, err := rc.Hijack(); !errors.Is(err, http.ErrNotSupported) {
		t.Errorf("Hijack of a writer without Hijack = %v, want http.ErrNotSupported", err)
	}
	if sw.Status() != 404 {
		t.Errorf("status %d after a Flush and a Hijack that failed, want 404", sw.Status())
	}
}
