package ch03_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/internal/conns"
)

// A dial ends at the earliest of its limits: those of its context and of the dialer.
func TestDialContext(t *testing.T) {
	address := conns.Listen(t).Addr().String()
	const none = time.Duration(0)
	for _, tt := range []struct {
		name                     string
		ctx, timeout, from, want time.Duration
	}{
		{"context's deadline", 5 * time.Second, none, none, 5 * time.Second},
		{"dialer's timeout", none, 3 * time.Second, none, 3 * time.Second},
		{"dialer's deadline", none, none, 4 * time.Second, 4 * time.Second},
		{"the earliest of all", 5 * time.Second, 3 * time.Second, 4 * time.Second,
			3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx := t.Context()
				if tt.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.ctx)
					defer cancel()
				}
				d := net.Dialer{Timeout: tt.timeout, ControlContext: dialContextSilent}
				if tt.from > 0 {
					d.Deadline = start.Add(tt.from)
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
				if got := time.Since(start); got != tt.want {
					t.Errorf("DialContext timed out after %v, want %v", got, tt.want)
				}
				t.Logf("after %v: %v", time.Since(start), err)
			})
		})
	}
}

// dialContextSilent plays a host that does not respond.
func dialContextSilent(ctx context.Context, _, _ string, _ syscall.RawConn) error {
	<-ctx.Done() // the context of this dial has the earliest deadline
	return ctx.Err()
}

// The context of a dial does not end the connection that it returns. Deadlines do, or a
// context.AfterFunc that closes it.
func TestDialContextDoesNotGovernConn(t *testing.T) {
	l := conns.Listen(t)
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
