package ch07_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch07"
)

// acceptFake is a listener whose Accept returns what is in a list, then waits for Close.
type acceptFake struct {
	results []any         // error or net.Conn
	slow    time.Duration // how long Close takes
	close   sync.Once
	closing chan struct{}
	closed  bool // read it after ServeEcho has returned
}

func newAcceptFake(results ...any) *acceptFake {
	return &acceptFake{results: results, closing: make(chan struct{})}
}

func (f *acceptFake) Accept() (net.Conn, error) {
	if len(f.results) > 0 {
		next := f.results[0]
		f.results = f.results[1:]
		if err, ok := next.(error); ok {
			return nil, &net.OpError{Op: "accept", Err: err}
		}
		return next.(net.Conn), nil
	}
	<-f.closing
	return nil, net.ErrClosed
}

func (f *acceptFake) Close() error {
	f.close.Do(func() { close(f.closing) })
	time.Sleep(f.slow)
	f.closed = true
	return nil
}

func (f *acceptFake) Addr() net.Addr { return &net.UnixAddr{Name: "fake", Net: "unix"} }

// If file descriptors or memory run out, the server pauses and goes on: 5 ms, doubled with
// each failure in a row, at most 1 s.
func TestServeEchoSurvivesAcceptErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before []any
		want   time.Duration
	}{
		{"none", nil, 0},
		{"each that passes", []any{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS,
			syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPROTO}, 315 * time.Millisecond},
		{"Windows", []any{syscall.Errno(10024), syscall.Errno(10053), syscall.Errno(10054),
			syscall.Errno(10055)}, 75 * time.Millisecond},
		{"a good one between", []any{syscall.EMFILE, syscall.EMFILE, acceptClosed(),
			syscall.EMFILE}, 20 * time.Millisecond},
		{"many", slices.Repeat([]any{syscall.EMFILE}, 10), 3275 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			ctx, cancel := context.WithCancel(t.Context())
			l := newAcceptFake(append(tt.before, server)...)
			result := make(chan error, 1)
			start := time.Now()
			go func() { result <- ch07.ServeEcho(ctx, l) }()
			io.WriteString(client, "hi")
			got := make([]byte, 2)
			if _, err := io.ReadFull(client, got); err != nil || string(got) != "hi" {
				t.Errorf("%s: echo = %q, %v, want \"hi\"", tt.name, got, err)
			}
			if took := time.Since(start); took != tt.want {
				t.Errorf("%s: served after %v, want %v", tt.name, took, tt.want)
			}
			cancel()
			if err := <-result; err != nil {
				t.Errorf("%s: ServeEcho = %v, want nil", tt.name, err)
			}
		})
	}
}

// acceptClosed returns a connection that has ended.
func acceptClosed() net.Conn {
	_, conn := net.Pipe()
	conn.Close()
	return conn
}

// Another error ends the server. It returns the error and leaves no connection open.
func TestServeEchoReportsAcceptError(t *testing.T) {
	for _, want := range []error{net.ErrClosed, os.ErrDeadlineExceeded, io.EOF, syscall.EINVAL} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			l := newAcceptFake(server, want)
			if err := ch07.ServeEcho(t.Context(), l); !errors.Is(err, want) || !l.closed {
				t.Errorf("ServeEcho = %v, listener closed %t, want %v, true", err, l.closed, want)
			}
			if _, err := client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("client reads %v, want io.EOF", err)
			}
		})
	}
}

// The end of the context also ends a pause, and the server waits for a slow Close.
func TestServeEchoEndsInPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newAcceptFake(slices.Repeat([]any{syscall.EMFILE}, 100)...)
		l.slow = time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := ch07.ServeEcho(ctx, l); err != nil || !l.closed {
			t.Errorf("ServeEcho = %v, listener closed %t, want nil, true", err, l.closed)
		}
		if took, want := time.Since(start), 11*time.Second+time.Millisecond; took != want {
			t.Errorf("ServeEcho ended after %v, want %v", took, want)
		}
	})
}

// A connection that Accept returns after the end of the context is closed.
func TestServeEchoClosesLateConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		client, server := net.Pipe()
		if err := ch07.ServeEcho(ctx, newAcceptFake(server)); err != nil {
			t.Errorf("ServeEcho = %v, want nil", err)
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("client reads %v, want io.EOF", err)
		}
	})
}

// A client that does not read its echo delays the end by EchoGrace, 5 s. One that reads in time
// gets all of it.
func TestServeEchoGrace(t *testing.T) {
	for _, reads := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- ch07.ServeEcho(ctx, newAcceptFake(server)) }()
			io.WriteString(client, "late")
			cancel()
			start := time.Now()
			want := 5 * time.Second
			if reads {
				want = 3 * time.Second
				time.Sleep(want)
				if got, err := io.ReadAll(client); err != nil || string(got) != "late" {
					t.Errorf("echo = %q, %v, want \"late\"", got, err)
				}
			}
			if err := <-result; err != nil {
				t.Errorf("ServeEcho = %v, want nil", err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("client reads %t: ended after %v, want %v", reads, took, want)
			}
			client.Close()
		})
	}
}

// The listener is closed before the connections end: see StreamingEchoServer.
func TestServeEchoClosesListenerFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		l := newAcceptFake(server)
		l.slow = time.Second
		result := make(chan error, 1)
		go func() { result <- ch07.ServeEcho(ctx, l) }()
		io.WriteString(client, "x")
		io.ReadFull(client, make([]byte, 1))
		start := time.Now()
		cancel()
		_, err := client.Read(make([]byte, 1))
		if took := time.Since(start); err != io.EOF || took != l.slow {
			t.Errorf("client reads %v after %v, want io.EOF after %v", err, took, l.slow)
		}
		<-result
	})
}
