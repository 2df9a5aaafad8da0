package ch03_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A dial ends at the earliest of what limits it: its context or the dialer's own.
func TestDialContext(t *testing.T) {
	address := dialContextListen(t).Addr().String()
	const none = time.Duration(0)
	for _, tc := range []struct {
		name                     string
		ctx, timeout, from, want time.Duration
	}{
		{"context's deadline", 5 * time.Second, none, none, 5 * time.Second},
		{"dialer's timeout", none, 3 * time.Second, none, 3 * time.Second},
		{"dialer's deadline", none, none, 4 * time.Second, 4 * time.Second},
		{"the earliest of all", 5 * time.Second, 3 * time.Second, 4 * time.Second,
			3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx := t.Context()
				if tc.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.ctx)
					defer cancel()
				}
				d := net.Dialer{Timeout: tc.timeout, ControlContext: dialContextNoAnswer}
				if tc.from > 0 {
					d.Deadline = start.Add(tc.from)
				}
				conn, err := d.DialContext(ctx, "tcp", address)
				if err == nil {
					conn.Close()
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("DialContext error = %v, want context.DeadlineExceeded", err)
				}
				if netErr, ok := errors.AsType[net.Error](err); !ok || !netErr.Timeout() {
					t.Errorf("DialContext error = %v, want a net.Error timeout", err)
				}
				if got := time.Since(start); got != tc.want {
					t.Errorf("DialContext gave up after %v, want %v", got, tc.want)
				}
				t.Logf("after %v: %v", time.Since(start), err)
			})
		})
	}
}

// dialContextNoAnswer is called in place of a host that does not answer.
func dialContextNoAnswer(ctx context.Context, _, _ string, _ syscall.RawConn) error {
	<-ctx.Done() // of the dial: its deadline is the earliest of all
	return ctx.Err()
}

// The context is for dialing. It does not end the connection that came of it: that
// takes deadlines, or a context.AfterFunc that closes it.
func TestDialContextDoesNotGovernConn(t *testing.T) {
	l := dialContextListen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()

	cancel()
	if _, err := accepted.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read after the end of the dial's context = %d, %v; want 1, nil", n, err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Errorf("Write after the end of the dial's context = %v, want nil", err)
	}
}

func dialContextListen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
