package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
	"network-programming-with-go/ch03/idle"
)

// What the end of ctx means for handlers that are busy in four different ways.
func TestServeEndsHandlers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		handle func(ctx context.Context, conn net.Conn) error
		want   error
		after  time.Duration // from the end of ctx to the end of Serve
	}{
		{"waits for a request", func(_ context.Context, conn net.Conn) error {
			conn.Read(make([]byte, 1)) // a handler that ignores the first error
			_, err := conn.Read(make([]byte, 1))
			return err
		}, os.ErrDeadlineExceeded, 0},
		{"finishes a response", func(ctx context.Context, conn net.Conn) error {
			<-ctx.Done()
			time.Sleep(2 * time.Second) // work that ctx does not stop
			_, err := conn.Write([]byte("response"))
			return err
		}, nil, 2 * time.Second},
		{"writes to a peer that does not read", func(_ context.Context, conn net.Conn) error {
			for {
				if _, err := conn.Write([]byte("more than a pipe holds")); err != nil {
					return err
				}
			}
		}, io.ErrClosedPipe, 5 * time.Second},
		{"renews its deadline", func(_ context.Context, conn net.Conn) error {
			for {
				// An error here shows in the read.
				conn.SetReadDeadline(time.Now().Add(time.Second))
				_, err := conn.Read(make([]byte, 1))
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					return err
				}
			}
		}, io.ErrClosedPipe, 5 * time.Second},
	} {
		for _, limit := range []time.Duration{0, time.Hour} { // l wraps its conns, or not
			t.Run(fmt.Sprint(tt.name, ", idle limit ", limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					local, client := net.Pipe()
					defer client.Close()
					go io.ReadFull(client, make([]byte, len("response"))) // no more than that
					var got error
					err := ch03.Serve(ctx, newServePipe(idle.Timeout(local, limit)),
						func(ctx context.Context, conn net.Conn) { got = tt.handle(ctx, conn) })
					if err != nil {
						t.Errorf("Serve = %v, want nil", err)
					}
					if !errors.Is(got, tt.want) {
						t.Errorf("the handler ended with %v, want %v", got, tt.want)
					}
					deadline, _ := ctx.Deadline()
					if after := time.Since(deadline); after != tt.after {
						t.Errorf("Serve returned %v after its context, want %v", after, tt.after)
					}
				})
			})
		}
	}
}

// servePipe is a listener that accepts one conn and needs no network.
type servePipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newServePipe(conn net.Conn) *servePipe {
	l := &servePipe{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conns <- conn
	return l
}

func (l *servePipe) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *servePipe) Addr() net.Addr { return &net.TCPAddr{} }

func (l *servePipe) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// serveSlowConn takes a second to set a deadline.
type serveSlowConn struct {
	net.Conn
	begun chan struct{} // closed when it starts to set one
	set   atomic.Bool
}

func (c *serveSlowConn) SetReadDeadline(time.Time) error {
	close(c.begun)
	time.Sleep(time.Second)
	c.set.Store(true)
	return nil
}

// Serve also waits for the goroutines that it started itself.
func TestServeLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		local, client := net.Pipe()
		defer client.Close()
		slow := &serveSlowConn{Conn: local, begun: make(chan struct{})}
		err := ch03.Serve(ctx, newServePipe(slow),
			func(context.Context, net.Conn) { <-slow.begun })
		if set := slow.set.Load(); err != nil || !set {
			t.Errorf("Serve = %v, and the deadline is set: %v; want nil, true", err, set)
		}
	})
}
