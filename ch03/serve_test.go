package ch03_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

// serveLeakCheck fails the test if goroutines of it are left at its end.
func serveLeakCheck(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
			if runtime.NumGoroutine() <= before {
				return
			}
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<16)
				t.Errorf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}

// servePipe is a listener that accepts one conn, which needs no network.
type servePipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newServePipe() (l *servePipe, client net.Conn) {
	server, client := net.Pipe()
	l = &servePipe{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conns <- server
	return l, client
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

func TestServe(t *testing.T) {
	serveLeakCheck(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- ch03.Serve(ctx, l, func(_ context.Context, conn net.Conn) {
			io.Copy(conn, conn) // ends with the peer, or with ctx: either is fine
		})
	}()

	var conns []net.Conn
	for i := range 3 { // all at the same time: one goroutine each
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
		fmt.Fprintf(conn, "hello %d\n", i) // a failure shows in the read
		got, err := bufio.NewReader(conn).ReadString('\n')
		if want := fmt.Sprintf("hello %d\n", i); err != nil || got != want {
			t.Fatalf("echo = %q, %v; want %q", got, err, want)
		}
		t.Logf("%v sent and got %q", conn.LocalAddr(), got)
	}

	cancel() // the handlers are blocked in Read now
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil after its context ended", err)
	}
	for _, conn := range conns {
		if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("Read after Serve = %d, %v; want io.EOF: it closes its conns", n, err)
		}
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Serve = %v, want net.ErrClosed: Serve closes l", err)
	}
}

// What the end of ctx means for handlers that are busy in three different ways.
func TestServeEndsHandlers(t *testing.T) {
	for name, tc := range map[string]struct {
		handle func(ctx context.Context, conn net.Conn) error
		want   error
		after  time.Duration // from the end of ctx to the end of Serve
	}{
		"waits for a request": {func(_ context.Context, conn net.Conn) error {
			conn.Read(make([]byte, 1)) // as if it did not look at the error
			_, err := conn.Read(make([]byte, 1))
			return err
		}, os.ErrDeadlineExceeded, 0},
		"finishes an answer": {func(ctx context.Context, conn net.Conn) error {
			<-ctx.Done()
			time.Sleep(2 * time.Second) // work that ctx does not stop
			_, err := conn.Write([]byte("answer"))
			return err
		}, nil, 2 * time.Second},
		"writes to a peer that does not read": {func(_ context.Context, conn net.Conn) error {
			for {
				if _, err := conn.Write([]byte("more than a pipe holds")); err != nil {
					return err
				}
			}
		}, io.ErrClosedPipe, ch03.ServeGrace},
		"renews its deadline": {func(_ context.Context, conn net.Conn) error {
			for {
				// An error here shows in the read.
				conn.SetReadDeadline(time.Now().Add(time.Second))
				_, err := conn.Read(make([]byte, 1))
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					return err
				}
			}
		}, io.ErrClosedPipe, ch03.ServeGrace},
	} {
		for _, idle := range []time.Duration{0, time.Hour} { // l sets a limit, or not
			t.Run(fmt.Sprint(name, ", limit ", idle), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					serveEnds(t, idle, tc.handle, tc.want, tc.after)
				})
			})
		}
	}
}

func serveEnds(t *testing.T, idle time.Duration,
	handle func(context.Context, net.Conn) error, want error, wantAfter time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, client := newServePipe()
	defer client.Close()
	l.conns <- ch03.IdleTimeout(<-l.conns, idle)
	go io.ReadFull(client, make([]byte, len("answer"))) // once, then no more
	var got error
	if err := ch03.Serve(ctx, l, func(ctx context.Context, conn net.Conn) {
		got = handle(ctx, conn)
	}); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if !errors.Is(got, want) {
		t.Errorf("the handler ended with %v, want %v", got, want)
	}
	deadline, _ := ctx.Deadline()
	if after := time.Since(deadline); after != wantAfter {
		t.Errorf("Serve returned %v after its context, want %v", after, wantAfter)
	}
}

// serveSlowConn takes a second to set a deadline.
type serveSlowConn struct {
	net.Conn
	begun chan struct{} // closed when it sets one
	set   atomic.Bool
}

func (c *serveSlowConn) SetReadDeadline(time.Time) error {
	close(c.begun)
	time.Sleep(time.Second)
	c.set.Store(true)
	return nil
}

// What Serve itself has begun at its end is waited for too.
func TestServeLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		l, client := newServePipe()
		defer client.Close()
		slow := &serveSlowConn{Conn: <-l.conns, begun: make(chan struct{})}
		l.conns <- slow
		err := ch03.Serve(ctx, l, func(context.Context, net.Conn) { <-slow.begun })
		if set := slow.set.Load(); err != nil || !set {
			t.Errorf("Serve = %v, and the deadline is set: %v; want nil, true", err, set)
		}
	})
}
