package ch03_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

func TestDialTimeout(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()

	conn, err := ch03.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		t.Fatalf("DialTimeout(1m) error = %v", err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read = %v, want io.EOF: the timeout was for the dial only", err)
	}

	for _, timeout := range []time.Duration{0, -time.Second} {
		_, err := ch03.DialTimeout("tcp", address, timeout)
		dialTimeoutCheck(t, err)
		t.Logf("DialTimeout(%v): %v", timeout, err)
	}

	l.Close()
	conn, err = ch03.DialTimeout("tcp", address, time.Minute)
	if err == nil {
		conn.Close()
		t.Skip("another program took the port in between")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) &&
		!errors.Is(err, syscall.Errno(10061)) { // WSAECONNREFUSED, on Windows
		t.Errorf("DialTimeout to a closed port = %v, want syscall.ECONNREFUSED", err)
	}
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

// A host that does not answer, without a network: the hook runs when the socket is
// made, just before it connects, and here it waits for as long as the dialer lets it.
func TestDialTimeoutExact(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
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
		conn, err := d.Dial("tcp", l.Addr().String())
		if err == nil {
			conn.Close()
		}
		dialTimeoutCheck(t, err)
		if got := time.Since(start); got != timeout {
			t.Errorf("Dial gave up after %v, want %v", got, timeout)
		}
		t.Logf("after %v: %v", time.Since(start), err)
	})
}
