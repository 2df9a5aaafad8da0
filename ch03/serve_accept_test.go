package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

// A server that is out of file descriptors must neither end nor keep a core busy.
func TestServePausesAfterFailedAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		server, client := net.Pipe()
		defer client.Close()
		calls := 0
		l := newServeListener(func() (net.Conn, error) {
			switch calls++; calls {
			case 11: // ten failures, one connection, failures again
				return server, nil
			case 13:
				cancel()
			}
			return nil, serveAcceptError(syscall.EMFILE)
		})
		handled := 0
		err := ch03.Serve(ctx, l, func(context.Context, net.Conn) { handled++ })
		if err != nil || handled != 1 {
			t.Errorf("Serve = %v and handled %d conns, want nil and 1", err, handled)
		}
		var pauses []time.Duration
		for i := range l.calls[1:] {
			pauses = append(pauses, l.calls[i+1].Sub(l.calls[i]))
		}
		const ms = time.Millisecond
		want := []time.Duration{5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms,
			320 * ms, 640 * ms, time.Second, time.Second, 0, 5 * ms}
		if fmt.Sprint(pauses) != fmt.Sprint(want) {
			t.Errorf("pauses between accepts = %v\nwant %v", pauses, want)
		}
		t.Logf("pauses: %v", pauses)
	})
}

// Which failures of Accept are retried, and which end the server.
func TestServeRetries(t *testing.T) {
	for _, tt := range []struct {
		err    error
		passes bool
	}{
		{serveAcceptError(syscall.EMFILE), true},
		{serveAcceptError(syscall.ENFILE), true},
		{serveAcceptError(syscall.ENOBUFS), true},
		{serveAcceptError(syscall.ENOMEM), true},
		{serveAcceptError(syscall.EPROTO), true},
		{serveAcceptError(syscall.ECONNABORTED), true},
		{serveAcceptError(syscall.Errno(10024)), true},          // WSAEMFILE
		{serveAcceptError(syscall.Errno(10053)), true},          // WSAECONNABORTED
		{serveAcceptError(syscall.Errno(10054)), true},          // WSAECONNRESET
		{serveAcceptError(syscall.Errno(10055)), true},          // WSAENOBUFS
		{fmt.Errorf("wrapped: %w", syscall.ECONNABORTED), true}, // by another listener
		{serveAcceptError(syscall.EBADF), false},
		{serveAcceptError(syscall.EINVAL), false},
		{serveAcceptError(syscall.EOPNOTSUPP), false},
		{serveAcceptError(os.ErrDeadlineExceeded), false}, // would fail forever
		{&net.DNSError{IsTemporary: true}, false},         // Temporary is deprecated
		{io.EOF, false},
		{net.ErrClosed, false},
	} {
		t.Run(tt.err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := errors.New("the end")
				errs := []error{tt.err, end}
				l := newServeListener(func() (net.Conn, error) {
					err := errs[0]
					errs = errs[1:]
					return nil, err
				})
				err := ch03.Serve(t.Context(), l, nil)
				if passed := len(l.calls) == 2; passed != tt.passes {
					t.Errorf("Serve retried: %v, want %v", passed, tt.passes)
				}
				want := tt.err
				if tt.passes {
					want = end
				}
				if !errors.Is(err, want) {
					t.Errorf("Serve = %v, want %v", err, want)
				}
			})
		})
	}
}

// serveAcceptError wraps err as package net does.
func serveAcceptError(err error) error {
	return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
}

// A conn accepted after the end of ctx is closed and not served.
func TestServeEndedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		server, client := net.Pipe()
		l := newServeListener(func() (net.Conn, error) { return server, nil })
		err := ch03.Serve(ctx, l, func(context.Context, net.Conn) {
			t.Error("the handler was called")
		})
		if err != nil || l.closes.Load() == 0 {
			t.Errorf("Serve = %v, closed l: %v; want nil, true", err, l.closes.Load() > 0)
		}
		if n, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the client's Read = %d, %v; want io.EOF", n, err)
		}
	})
}

func TestServeEndsInPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		l := newServeListener(func() (net.Conn, error) { return nil, syscall.EMFILE })
		start := time.Now()
		err := ch03.Serve(ctx, l, nil)
		if got := time.Since(start); err != nil || got != 1500*time.Millisecond {
			t.Errorf("Serve = %v after %v, want nil after 1.5s", err, got)
		}
	})
}

func TestServeReturnsOtherErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer client.Close()
		conns := []net.Conn{server}
		l := newServeListener(func() (net.Conn, error) {
			if len(conns) == 0 {
				return nil, net.ErrClosed // closed by another goroutine
			}
			conn := conns[0]
			conns = conns[1:]
			return conn, nil
		})
		ended := false
		err := ch03.Serve(t.Context(), l, func(ctx context.Context, _ net.Conn) {
			<-ctx.Done() // an error must end the handlers too
			ended = true
		})
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve = %v, want net.ErrClosed", err)
		}
		if !ended || l.closes.Load() == 0 {
			t.Errorf("Serve returned before its handler, or left the listener open")
		}
	})
}

// serveListener is a listener for a bubble: it accepts and fails as the test says.
type serveListener struct {
	accept func() (net.Conn, error) // called until the listener is closed
	closed chan struct{}
	calls  []time.Time // of Accept
	closes atomic.Int32
}

func newServeListener(accept func() (net.Conn, error)) *serveListener {
	return &serveListener{accept: accept, closed: make(chan struct{})}
}

func (l *serveListener) Accept() (net.Conn, error) {
	l.calls = append(l.calls, time.Now())
	if conn, err := l.accept(); conn != nil || err != nil {
		return conn, err
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *serveListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *serveListener) Close() error {
	if l.closes.Add(1) == 1 {
		close(l.closed)
	}
	return nil
}
