package ch04_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
)

func TestTransient(t *testing.T) {
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"no error", nil, false},
		{"read or write deadline", op(os.ErrDeadlineExceeded), true},
		{"time for a try is over", context.DeadlineExceeded, true},
		{"refused", op(os.NewSyscallError("connect", syscall.ECONNREFUSED)), true},
		{"reset", op(syscall.ECONNRESET), true},
		{"no route now", op(syscall.EHOSTUNREACH), true},
		{"too many open files", op(syscall.EMFILE), true},
		{"name server timed out", op(&net.DNSError{IsTimeout: true}), true},
		{"name server failed", op(&net.DNSError{IsTemporary: true}), true},
		{"no such host", op(&net.DNSError{IsNotFound: true}), false},
		{"no such host, the timeout flag set too",
			op(&net.DNSError{IsNotFound: true, IsTimeout: true}), false},
		{"canceled", op(context.Canceled), false},
		{"closed by us", op(net.ErrClosed), false},
		{"broken pipe", op(syscall.EPIPE), false},
		{"end of stream", io.EOF, false},
		{"cut stream", io.ErrUnexpectedEOF, false},
		{"permission", op(fs.ErrPermission), false},
		{"wrong address", &net.AddrError{Err: "missing port", Addr: "host"}, false},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err)} {
			if tt.err == nil && err != nil {
				continue
			}
			if got := ch04.Transient(err); got != tt.want {
				t.Errorf("%s: Transient(%v) = %t, want %t", tt.name, err, got, tt.want)
			}
		}
		t.Logf("%-40s try again: %t", tt.name, tt.want)
	}
}

// A dial that times out matches context.DeadlineExceeded although no context ended.
func TestTransientDialTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := net.Dialer{
			Timeout: 5 * time.Second,
			ControlContext: func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
				<-ctx.Done() // a host that does not respond
				return ctx.Err()
			},
		}
		_, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:1")
		if !errors.Is(err, context.DeadlineExceeded) || !ch04.Transient(err) {
			t.Errorf("Transient(%v) = %t, want true for a dial timeout", err, ch04.Transient(err))
		}
	})
}

func TestBackoffWait(t *testing.T) {
	for _, tt := range []struct {
		b     ch04.Backoff
		n     int
		bound time.Duration
	}{
		{ch04.Backoff{}, 0, 0},
		{ch04.Backoff{}, 1, 100 * time.Millisecond},
		{ch04.Backoff{First: -1, Max: -1}, 1, 100 * time.Millisecond}, // no panic
		{ch04.Backoff{}, 2, 200 * time.Millisecond},
		{ch04.Backoff{}, 1000, 10 * time.Second},
		{ch04.Backoff{First: time.Minute, Max: time.Second}, 1, time.Second},
		{ch04.Backoff{First: 1, Max: 1<<63 - 1}, 100, 1<<63 - 1},
	} {
		least, most := time.Duration(1<<63-1), time.Duration(0)
		for range 1000 {
			wait := tt.b.Wait(tt.n)
			least, most = min(least, wait), max(most, wait)
		}
		if most > tt.bound || least < tt.bound/2 {
			t.Errorf("%+v.Wait(%d) = %v to %v, want %v to %v",
				tt.b, tt.n, least, most, tt.bound/2, tt.bound)
		}
		if tt.bound > 0 && least == most {
			t.Errorf("%+v.Wait(%d) = %v each time, want chance", tt.b, tt.n, least)
		}
	}
}

func TestRetry(t *testing.T) {
	final, passing := errors.New("wrong password"), error(syscall.ECONNREFUSED)
	for _, tt := range []struct {
		name    string
		results []error
		retries int // of Backoff
		timeout time.Duration
		calls   int
		want    []error
	}{
		{"first time", []error{nil}, 0, time.Hour, 1, []error{nil}},
		{"third time", []error{passing, passing, nil}, 0, time.Hour, 3, []error{nil}},
		{"three by default", []error{passing, passing, passing, nil}, 0, time.Hour, 3,
			[]error{passing}},
		{"bound", []error{passing, passing, nil}, 1, time.Hour, 2, []error{passing}},
		{"last retry", []error{passing, passing, passing, passing, nil}, 4, time.Hour, 5,
			[]error{nil}},
		{"hopeless", []error{passing, final, nil}, 0, time.Hour, 2, []error{final}},
		{"no time to wait", []error{passing, nil}, 0, time.Millisecond, 1,
			[]error{passing, context.DeadlineExceeded}},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			defer cancel()
			start, calls := time.Now(), 0
			err := ch04.Retry(ctx, ch04.Backoff{Retries: tt.retries}, func(context.Context) error {
				calls++
				return tt.results[calls-1]
			})
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("%s: Retry = %v, want %v", tt.name, err, want)
				}
			}
			if calls != tt.calls {
				t.Errorf("%s: %d calls, want %d", tt.name, calls, tt.calls)
			}
			var most time.Duration
			for n := 1; n < tt.calls; n++ {
				most += 100 * time.Millisecond << (n - 1)
			}
			if got := time.Since(start); got < most/2 || got > most {
				t.Errorf("%s: waited %v, want %v to %v", tt.name, got, most/2, most)
			}
			t.Logf("%-16s %d calls in %12v: %v", tt.name, calls, time.Since(start), err)
		})
	}
}

// The end of ctx ends the wait at once, and no try is made after it.
func TestRetryCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("user gave up")
		start, calls := time.Now(), 0
		time.AfterFunc(time.Second, func() { cancel(reason) })
		try := func(context.Context) error { calls++; return syscall.ECONNREFUSED }
		err := ch04.Retry(ctx, ch04.Backoff{First: time.Hour, Max: time.Hour}, try)
		if !errors.Is(err, reason) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Retry = %v, want %v and ECONNREFUSED", err, reason)
		}
		if got := time.Since(start); got != time.Second || calls != 1 {
			t.Errorf("ended after %v and %d calls, want 1s and 1", got, calls)
		}
		if err := ch04.Retry(ctx, ch04.Backoff{}, try); !errors.Is(err, reason) || calls != 1 {
			t.Errorf("Retry after the end = %v, %d calls, want %v, 1", err, calls, reason)
		}
	})
}

// A try that ctx interrupts often says context.Canceled and no more. Retry knows why.
func TestRetryCancelDuringTry(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("user gave up")
	err := ch04.Retry(ctx, ch04.Backoff{}, func(ctx context.Context) error {
		cancel(reason)
		return ctx.Err()
	})
	if !errors.Is(err, reason) || !errors.Is(err, context.Canceled) {
		t.Errorf("Retry = %v, want %v and context.Canceled", err, reason)
	}
}

func ExampleRetry() {
	tries := 0
	err := ch04.Retry(context.Background(), ch04.Backoff{First: time.Millisecond},
		func(ctx context.Context) error {
			if tries++; tries < 3 {
				return syscall.ECONNREFUSED // the server is still starting
			}
			return nil
		})
	fmt.Println(tries, err)
	// Output: 3 <nil>
}
