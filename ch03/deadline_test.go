package ch03_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/internal/conns"
)

// A read that waits too long times out. The connection still works.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local, remote := net.Pipe()
		t.Cleanup(func() { local.Close(); remote.Close() })
		const timeout = 5 * time.Second
		start := time.Now()
		local.SetDeadline(start.Add(timeout)) // cannot fail: local is open

		_, err := local.Read(make([]byte, 1))
		deadlineCheck(t, "Read", err)
		if got := time.Since(start); got != timeout {
			t.Errorf("Read timed out after %v, want %v", got, timeout)
		}
		t.Logf("after %v: %v", time.Since(start), err)
		_, err = local.Write([]byte("x")) // the peer does not read, so it would block
		deadlineCheck(t, "Write after the deadline", err)
		_, err = local.Read(make([]byte, 1)) // the passed deadline stays in force
		deadlineCheck(t, "second Read", err)
		if got := time.Since(start); got != timeout {
			t.Errorf("Write and Read after the deadline waited until %v", got)
		}

		local.SetDeadline(time.Time{}) // no deadline
		go remote.Write([]byte("x"))   // an error shows in the read
		if n, err := local.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("Read without deadline = %d, %v; want 1, nil", n, err)
		}
	})
}

// Reads and writes have separate deadlines.
func TestDeadlineOfOneDirection(t *testing.T) {
	local, remote := conns.TCPPair(t)
	if err := local.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err := local.Read(make([]byte, 1))
	deadlineCheck(t, "Read", err)
	if _, err := local.Write([]byte("x")); err != nil {
		t.Errorf("Write past the read deadline = %v, want nil", err)
	}
	if _, err := remote.Read(make([]byte, 1)); err != nil {
		t.Errorf("the peer's Read = %v, want nil: our deadlines are local", err)
	}
}

// Bytes that arrive after a timeout are not lost.
func TestDeadlineLosesNothing(t *testing.T) {
	local, remote := conns.TCPPair(t)
	if err := local.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	_, err := local.Read(make([]byte, 4)) // fails even if the bytes have arrived
	deadlineCheck(t, "Read", err)
	if err := local.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(local, got); err != nil || string(got) != "late" {
		t.Errorf("Read = %q, %v; want late", got, err)
	}
}

// A deadline in the past interrupts a read in another goroutine and leaves the connection
// open: a program can stop its reader and still write.
func TestDeadlineInterruptsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local, remote := net.Pipe()
		t.Cleanup(func() { local.Close(); remote.Close() })
		read := make(chan error)
		go func() {
			_, err := local.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait()                        // until the goroutine is blocked
		local.SetReadDeadline(time.Unix(1, 0)) // cannot fail: local is open
		deadlineCheck(t, "Read", <-read)

		go local.Write([]byte("goodbye")) // an error shows in the read
		got := make([]byte, 7)
		if _, err := io.ReadFull(remote, got); err != nil || string(got) != "goodbye" {
			t.Errorf("the peer read %q, %v; want goodbye", got, err)
		}
	})
}

// A write that timed out may have sent a part of its bytes: the count says how many.
func TestDeadlineCutsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local, remote := net.Pipe()
		t.Cleanup(func() { local.Close(); remote.Close() })
		go io.ReadFull(remote, make([]byte, 3)) // three bytes, not more
		local.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := local.Write([]byte("hello"))
		deadlineCheck(t, "Write", err)
		if n != 3 {
			t.Errorf("Write = %d, want the 3 bytes that were taken", n)
		}
	})
}

func deadlineCheck(t *testing.T, call string, err error) {
	t.Helper()
	if netErr, ok := errors.AsType[net.Error](err); !ok || !netErr.Timeout() ||
		!errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s error = %v, want os.ErrDeadlineExceeded, a timeout", call, err)
	}
}
