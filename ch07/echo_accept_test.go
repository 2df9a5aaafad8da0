package ch07_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch07"
)

// acceptFake is a listener that answers from a list and then waits to be closed.
type acceptFake struct {
	answers []any // error or net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (f *acceptFake) Accept() (net.Conn, error) {
	if len(f.answers) > 0 {
		next := f.answers[0]
		f.answers = f.answers[1:]
		if err, ok := next.(error); ok {
			return nil, &net.OpError{Op: "accept", Err: err}
		}
		return next.(net.Conn), nil
	}
	<-f.closed
	return nil, net.ErrClosed
}
func (f *acceptFake) Close() error   { f.once.Do(func() { close(f.closed) }); return nil }
func (f *acceptFake) Addr() net.Addr { return &net.UnixAddr{Name: "fake", Net: "unix"} }

// Out of descriptors or memory, the server waits 5 and 10 ms and serves on; after a good
// connection it starts again with 5.
func TestServeEchoSurvivesAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		_, other := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		l := &acceptFake{closed: make(chan struct{}), answers: []any{
			syscall.EMFILE, syscall.ECONNABORTED, syscall.ENFILE, other,
			syscall.ENOBUFS, syscall.ENOMEM, server}}
		result := make(chan error, 1)
		start := time.Now()
		go func() { result <- ch07.ServeEcho(ctx, l) }()
		io.WriteString(client, "hi")
		got := make([]byte, 2)
		if _, err := io.ReadFull(client, got); err != nil || string(got) != "hi" {
			t.Errorf("echo = %q, %v", got, err)
		}
		if took, want := time.Since(start), 30*time.Millisecond; took != want {
			t.Errorf("served after %v, want %v", took, want)
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("ServeEcho = %v, want nil", err)
		}
	})
}

// Another error ends the server, which says why and leaves no connection open.
func TestServeEchoReportsAcceptError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		l := &acceptFake{closed: make(chan struct{}), answers: []any{server, io.ErrUnexpectedEOF}}
		if err := ch07.ServeEcho(t.Context(), l); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("ServeEcho = %v, want the listener's error", err)
		}
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("client reads %v, want io.EOF", err)
		}
	})
}

// A client that does not read its echo delays the end by EchoGrace, no more. One that
// reads in time gets it whole.
func TestServeEchoGrace(t *testing.T) {
	for _, reads := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			ctx, cancel := context.WithCancel(t.Context())
			l := &acceptFake{closed: make(chan struct{}), answers: []any{server}}
			result := make(chan error, 1)
			go func() { result <- ch07.ServeEcho(ctx, l) }()
			io.WriteString(client, "late")
			cancel()
			start := time.Now()
			want := ch07.EchoGrace
			if reads {
				want = 3 * time.Second
				time.Sleep(want)
				if got, err := io.ReadAll(client); err != nil || string(got) != "late" {
					t.Errorf("echo = %q, %v", got, err)
				}
			}
			if err := <-result; err != nil {
				t.Errorf("ServeEcho = %v, want nil", err)
			}
			if took := time.Since(start); took != want {
				t.Errorf("reads %v: ended after %v, want %v", reads, took, want)
			}
			client.Close()
		})
	}
}

// acceptSlowClose is a listener that takes its time to close.
type acceptSlowClose struct {
	closing chan struct{}
	closed  *atomic.Bool
}

func (l acceptSlowClose) Accept() (net.Conn, error) { <-l.closing; return nil, net.ErrClosed }
func (l acceptSlowClose) Addr() net.Addr            { return &net.UnixAddr{Name: "slow", Net: "unix"} }
func (l acceptSlowClose) Close() error {
	close(l.closing)
	time.Sleep(time.Second)
	l.closed.Store(true)
	return nil
}

func TestServeEchoWaitsForClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := acceptSlowClose{make(chan struct{}), new(atomic.Bool)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := ch07.ServeEcho(ctx, l); err != nil || !l.closed.Load() {
			t.Errorf("ServeEcho = %v, listener closed %t, want nil, true", err, l.closed.Load())
		}
	})
}
