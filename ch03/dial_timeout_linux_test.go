package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch03"
)

// A timeout of the net package is net.Error with Timeout() true. Which sentinel it
// matches is a race between two timers; DialTimeout settles it.
func TestDialTimeoutSentinel(t *testing.T) {
	address := dialTimeoutDeaf(t)
	const tries = 20
	for _, tc := range []struct {
		name string
		dial func(network, address string, timeout time.Duration) (net.Conn, error)
	}{
		{"net.DialTimeout", net.DialTimeout},
		{"ch03.DialTimeout", ch03.DialTimeout},
	} {
		var dials sync.WaitGroup
		errs := make([]error, tries)
		for i := range errs {
			dials.Go(func() {
				conn, err := tc.dial("tcp", address, time.Millisecond)
				if err == nil {
					conn.Close()
				}
				errs[i] = err
			})
		}
		dials.Wait()
		var isContext, isOS int
		for _, err := range errs {
			if netErr, ok := errors.AsType[net.Error](err); !ok || !netErr.Timeout() {
				t.Errorf("%s error = %v, want a timeout", tc.name, err)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				isContext++
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				isOS++
			}
		}
		t.Logf("%-16s: of %d timeouts %d match context.DeadlineExceeded and %d "+
			"os.ErrDeadlineExceeded", tc.name, tries, isContext, isOS)
		if tc.name == "ch03.DialTimeout" && (isContext != tries || isOS != 0) {
			t.Errorf("want %d that match context.DeadlineExceeded and no other", tries)
		}
		if isContext+isOS != tries {
			t.Errorf("%s: %d errors match one of both, want %d", tc.name,
				isContext+isOS, tries)
		}
	}
}

// dialTimeoutDeaf returns an address that does not answer: Linux drops each SYN to a
// listener whose queue is full, and with a backlog of 0 one connection fills it.
func dialTimeoutDeaf(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = syscall.Listen(fd, 0)
	}
	name, nameErr := syscall.Getsockname(fd)
	if err = errors.Join(err, nameErr); err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return address
}
