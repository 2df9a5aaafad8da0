package ch09_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

// slowGet reads a file of 2.5 MiB at the given rate from h over the given protocol. It
// returns how much came and how long the connection was open.
func slowGet(t *testing.T, h http.Handler, http2 bool, rate int) (n int64, open time.Duration) {
	t.Helper()
	srv := ch09.NewServer("", h)
	closed := make(chan struct{})
	srv.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	tr := &http.Transport{Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{
		MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 64 << 10}}
	srv.Protocols = new(http.Protocols)
	if http2 {
		srv.Protocols.SetUnencryptedHTTP2(true)
		tr.Protocols.SetUnencryptedHTTP2(true)
	} else {
		srv.Protocols.SetHTTP1(true)
		tr.Protocols.SetHTTP1(true)
	}
	l := memory.Listen()
	tr.DialContext = l.DialContext
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	start := time.Now()
	resp, err := (&http.Client{Transport: tr}).Get("http://a.test/big")
	if err != nil {
		t.Fatal(err)
	}
	for err == nil && rate > 0 {
		var m int64
		m, err = io.CopyN(io.Discard, resp.Body, int64(rate))
		n += m
		time.Sleep(time.Second)
	}
	if rate > 0 {
		resp.Body.Close()
		tr.CloseIdleConnections()
	}
	<-closed
	open = time.Since(start)
	resp.Body.Close()
	srv.Close() // closes l too
	<-served
	return n, open
}

// 2.5 MiB at 32 KiB a second take 80 s, more than the server's WriteTimeout of 60 s. A client
// that reads nothing still loses its connection.
func TestFileServerSlowReaders(t *testing.T) {
	const size = 5 << 19
	files := fstest.MapFS{"big": {Data: make([]byte, size)}}
	for _, tt := range []struct {
		name  string
		h     http.Handler
		http2 bool
		rate  int // bytes a second
		whole bool
	}{
		{"FileServer", ch09.FileServer(files), false, 32 << 10, true},
		{"FileServer, HTTP/2", ch09.FileServer(files), true, 32 << 10, true},
		{"http.FileServerFS", http.FileServerFS(files), false, 32 << 10, false},
		{"http.FileServerFS, HTTP/2", http.FileServerFS(files), true, 32 << 10, false},
		{"FileServer, below the least rate", ch09.FileServer(files), false, 12 << 10, false},
		{"FileServer, nothing read", ch09.FileServer(files), false, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, open := slowGet(t, tt.h, tt.http2, tt.rate)
				t.Logf("%d KiB a second: %d of %d bytes, connection open for %v", tt.rate>>10, n, size, open)
				if (n == size) != tt.whole {
					t.Errorf("%d of %d bytes, want all: %t", n, size, tt.whole)
				}
				if tt.rate == 0 && open > 90*time.Second {
					t.Errorf("a client that reads nothing was gone after %v, want 90s at most", open)
				}
			})
		})
	}
}

// The deadline moves with each MiB, and only with one: not for short files, and not at the end.
func TestProgressWriter(t *testing.T) {
	for _, tt := range []struct {
		size  int64
		limit bool // by io.CopyN, as http.ServeContent does
		moves int
	}{
		{0, true, 0}, {1, true, 0}, {1<<20 - 1, true, 0}, {1 << 20, true, 0}, {1<<20 + 1, true, 1},
		{3 << 20, true, 2}, {3 << 20, false, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &slowWriter{}
			pw := ch09.ProgressWriter{ResponseWriter: w}
			content := io.LimitReader(slowEndless{}, tt.size)
			var n int64
			var err error
			if tt.limit {
				n, err = io.CopyN(pw, slowEndless{}, tt.size)
			} else {
				n, err = io.Copy(pw, struct{ io.Reader }{content})
			}
			if n != tt.size || w.n != tt.size || err != nil {
				t.Errorf("copied %d, wrote %d bytes, %v, want %d", n, w.n, err, tt.size)
			}
			if len(w.deadlines) != tt.moves {
				t.Errorf("%d bytes: deadline moved %d times, want %d", tt.size, len(w.deadlines), tt.moves)
			}
			for _, d := range w.deadlines {
				if got := time.Until(d); got != time.Minute {
					t.Errorf("deadline in %v, want a minute", got)
				}
			}
			if pw.Unwrap() != http.ResponseWriter(w) {
				t.Error("Unwrap does not return the inner writer")
			}
		})
	}
}

// An error of the client's connection ends the copy, and moves nothing.
func TestProgressWriterError(t *testing.T) {
	w := &slowWriter{limit: 100}
	n, err := io.CopyN(ch09.ProgressWriter{ResponseWriter: w}, slowEndless{}, 3<<20)
	if n != 100 || err != io.ErrClosedPipe || len(w.deadlines) != 0 {
		t.Errorf("copied %d, %v, deadline moved %d times, want 100, io.ErrClosedPipe, 0", n, err, len(w.deadlines))
	}
}

type slowEndless struct{}

func (slowEndless) Read(p []byte) (int, error) { return len(p), nil }

// slowWriter counts what is written, and fails at its limit if it has one.
type slowWriter struct {
	http.ResponseWriter
	n, limit  int64
	deadlines []time.Time
}

func (w *slowWriter) SetWriteDeadline(d time.Time) error {
	w.deadlines = append(w.deadlines, d)
	return nil
}

func (w *slowWriter) Write(p []byte) (int, error) {
	if w.limit > 0 && w.n+int64(len(p)) > w.limit {
		n := int(w.limit - w.n)
		w.n = w.limit
		return n, io.ErrClosedPipe
	}
	w.n += int64(len(p))
	return len(p), nil
}
