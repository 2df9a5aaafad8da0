package splice_test

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
	"network-programming-with-go/ch04/splice"
)

// startBusy copies between two TCP connections and returns the outer ends.
func startBusy(t *testing.T, c *splice.Copier) (out, in *net.TCPConn, done chan error) {
	t.Helper()
	out, src := conns.TCPPair(t)
	dst, in := conns.TCPPair(t)
	done = make(chan error, 1)
	go func() {
		done <- c.Copy(dst, src)
		dst.Close()
	}()
	return out, in, done
}

// Without room for a pipe, as when descriptors are short, a buffer will do.
func TestCopyWithoutPipes(t *testing.T) {
	leak.Check(t)
	var c splice.Copier
	defer c.Close()
	out, in, done := startBusy(t, &c)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("cannot count descriptors:", err)
	}
	few := old
	few.Cur = uint64(len(list)) // at least one of them is above the middle
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Skip("cannot limit descriptors:", err)
	}
	restore := func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) } // it was this before
	defer restore()
	const size = 3 << 20
	go func() {
		out.Write(make([]byte, size)) // a failure shows in the count
		out.Close()
	}()
	n, err := io.Copy(struct{ io.Writer }{io.Discard}, in)
	restore()
	if n != size || err != nil {
		t.Errorf("read %d bytes, %v, want %d", n, err, size)
	}
	if err := <-done; err != nil {
		t.Errorf("Copy = %v, want nil", err)
	}
}

// Many transfers at once: those that find no pipe use buffers.
func TestCopyManyTransfers(t *testing.T) {
	leak.Check(t)
	var c splice.Copier
	defer c.Close()
	const copies, size = 80, 256 << 10
	results := make(chan error, copies)
	for range copies {
		out, in, done := startBusy(t, &c)
		go out.Write(make([]byte, size)) // all wait until the last has been started
		go func() {
			_, err := io.CopyN(struct{ io.Writer }{io.Discard}, in, size)
			out.Close()
			if err == nil {
				err = <-done
			}
			results <- err
		}()
	}
	for range copies {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
