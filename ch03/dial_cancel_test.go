package ch03_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/internal/conns"
)

// Canceling ends a dial at once, however long its timeout is.
func TestDialContextCancel(t *testing.T) {
	address := conns.Listen(t).Addr().String()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const delay = 2 * time.Second
		start := time.Now()
		time.AfterFunc(delay, cancel)
		d := net.Dialer{Timeout: time.Hour, ControlContext: dialCancelSilent}
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			conn.Close()
		}
		dialCancelCheck(t, err)
		if got := time.Since(start); got != delay {
			t.Errorf("DialContext ended after %v, want %v", got, delay)
		}
	})
}

// One cancel ends many dials.
func TestDialContextCancelMany(t *testing.T) {
	address := conns.Listen(t).Addr().String()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d := net.Dialer{ControlContext: dialCancelSilent}
		errs := make([]error, 10)
		var dials sync.WaitGroup
		for i := range errs {
			dials.Go(func() {
				conn, err := d.DialContext(ctx, "tcp", address)
				if err == nil {
					conn.Close()
				}
				errs[i] = err
			})
		}
		synctest.Wait() // until all of them wait
		cancel()
		dials.Wait()
		for _, err := range errs {
			dialCancelCheck(t, err)
		}
	})
}

// If the context is already canceled, no socket is made, so the hook is not called.
func TestDialContextCanceledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := net.Dialer{Control: func(_, _ string, _ syscall.RawConn) error {
		t.Error("the dial made a socket")
		return nil
	}}
	conn, err := d.DialContext(ctx, "tcp", conns.Listen(t).Addr().String())
	if err == nil {
		conn.Close()
	}
	dialCancelCheck(t, err)
	t.Log(err)
}

// The error of the dial does not say why it was canceled. context.Cause does.
func TestDialContextCancelCause(t *testing.T) {
	reason := errors.New("another mirror was faster")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", conns.Listen(t).Addr().String())
	if err == nil {
		conn.Close()
	}
	dialCancelCheck(t, err)
	if errors.Is(err, reason) || !errors.Is(context.Cause(ctx), reason) {
		t.Errorf("error %v, cause %v; want the reason in the cause only", err,
			context.Cause(ctx))
	}
}

// dialCancelCheck wants context.Canceled and no timeout: a program retries after a
// timeout, but not after its user pressed Ctrl-C.
func dialCancelCheck(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("DialContext error = %v, want context.Canceled", err)
	}
	if netErr, ok := errors.AsType[net.Error](err); !ok || netErr.Timeout() ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("DialContext error = %v, want a net.Error that is not a timeout", err)
	}
}

// dialCancelSilent plays a host that does not respond.
func dialCancelSilent(ctx context.Context, _, _ string, _ syscall.RawConn) error {
	<-ctx.Done()
	return ctx.Err()
}
