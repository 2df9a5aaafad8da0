package ch03_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
	"network-programming-with-go/ch03/internal/conns"
)

func TestDialTimeout(t *testing.T) {
	l := conns.Listen(t)
	for _, tt := range []struct {
		name, address string
		timeout       time.Duration
		want          error // nil for a connection
	}{
		{"connects", l.Addr().String(), time.Minute, nil},
		{"refused", conns.Refused(t), time.Minute, syscall.ECONNREFUSED},
		{"no time", l.Addr().String(), 0, context.DeadlineExceeded},
		{"less than no time", l.Addr().String(), -time.Second, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := ch03.DialTimeout("tcp", tt.address, tt.timeout)
			if err == nil {
				conn.Close()
			}
			if tt.want == syscall.ECONNREFUSED && errors.Is(err, syscall.Errno(10061)) {
				tt.want = syscall.Errno(10061) // WSAECONNREFUSED, on Windows
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("DialTimeout(%v) error = %v, want %v", tt.timeout, err, tt.want)
			}
			if tt.want == context.DeadlineExceeded {
				dialTimeoutCheck(t, err)
			}
			t.Logf("DialTimeout(%v): %v", tt.timeout, err)
		})
	}
}

// A host that does not respond, without a network: the hook runs before the socket is
// connected, and waits here until the dialer's time is over.
func TestDialTimeoutExact(t *testing.T) {
	address := conns.Listen(t).Addr().String()
	synctest.Test(t, func(t *testing.T) {
		const timeout = 5 * time.Second
		d := net.Dialer{
			Timeout: timeout,
			ControlContext: func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
				<-ctx.Done()
				return ctx.Err()
			},
		}
		start := time.Now()
		conn, err := d.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		dialTimeoutCheck(t, err)
		if got := time.Since(start); got != timeout {
			t.Errorf("Dial timed out after %v, want %v", got, timeout)
		}
		t.Logf("after %v: %v", time.Since(start), err)
	})
}

func dialTimeoutCheck(t *testing.T, err error) {
	t.Helper()
	if op, ok := err.(*net.OpError); !ok || !op.Timeout() {
		t.Errorf("error = %#v, want a *net.OpError that is a timeout", err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want context.DeadlineExceeded", err)
	}
}
