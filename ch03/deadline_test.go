package ch03_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A read that waits for too long fails with a timeout. The connection is still good.
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
			t.Errorf("Read gave up after %v, want %v", got, timeout)
		}
		t.Logf("after %v: %v", time.Since(start), err)
		_, err = local.Write([]byte("x")) // nobody reads, so it would wait
		deadlineCheck(t, "Write after the deadline", err)
		_, err = local.Read(make([]byte, 1)) // a deadline is a moment: it stays passed
		deadlineCheck(t, "second Read", err)
		if got := time.Since(start); got != timeout {
			t.Errorf("Write and Read after the deadline waited until %v", got)
		}

		local.SetDeadline(time.Time{}) // none: all as before
		go remote.Write([]byte("x"))   // a failure shows in the read
		if n, err := local.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("Read without deadline = %d, %v; want 1, nil", n, err)
		}
	})
}

// Reading and writing have a deadline each.
func TestDeadlineOfOneDirection(t *testing.T) {
	local, remote := deadlinePair(t)
	if err := local.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err := local.Read(make([]byte, 1))
	deadlineCheck(t, "Read", err)
	if _, err := local.Write([]byte("x")); err != nil {
		t.Errorf("Write past the read deadline = %v, want nil", err)
	}
	if _, err := remote.Read(make([]byte, 1)); err != nil {
		t.Errorf("the peer's Read = %v, want nil: it knows nothing of our deadlines", err)
	}
}

// Bytes that arrive after a timeout, or while nobody reads, are not lost.
func TestDeadlineLosesNothing(t *testing.T) {
	local, remote := deadlinePair(t)
	if err := local.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	_, err := local.Read(make([]byte, 4)) // even if the bytes are there already
	deadlineCheck(t, "Read", err)
	if err := local.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if _, err := io.ReadFull(local, got); err != nil || string(got) != "late" {
		t.Errorf("Read = %q, %v; want late", got, err)
	}
}

// A deadline in the past interrupts a read that another goroutine is blocked in, and
// leaves the connection open: the way to stop a reader, but still say goodbye.
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

		go local.Write([]byte("goodbye")) // a failure shows in the read
		got := make([]byte, 7)
		if _, err := io.ReadFull(remote, got); err != nil || string(got) != "goodbye" {
			t.Errorf("the peer read %q, %v; want goodbye", got, err)
		}
	})
}

// A write that timed out has sent a part: the count says how much.
func TestDeadlineCutsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local, remote := net.Pipe()
		t.Cleanup(func() { local.Close(); remote.Close() })
		go io.ReadFull(remote, make([]byte, 3)) // three bytes, and no more
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

// deadlinePair returns both ends of a TCP connection over loopback.
func deadlinePair(t *testing.T) (local, remote net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	local, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	remote, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	return local, remote
}
