package splice_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
	"network-programming-with-go/ch04/splice"
)

// pipesOpen counts the descriptors of pipes.
func pipesOpen(t *testing.T) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("cannot count descriptors:", err)
	}
	for _, fd := range list {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil &&
			strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

// start copies between two TCP connections and returns the outer ends.
func start(t *testing.T, c *splice.Copier) (out, in *net.TCPConn, src *net.TCPConn, done chan error) {
	t.Helper()
	out, src = conns.TCPPair(t)
	dst, in := conns.TCPPair(t)
	done = make(chan error, 1)
	go func() {
		done <- c.Copy(dst, src)
		dst.Close()
	}()
	return out, in, src, done
}

// A copy that waits has no buffer, and only the goroutine of its caller.
func TestCopyIdleMemory(t *testing.T) {
	const copies = 32
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // the second one empties the pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var c splice.Copier
	defer c.Close()
	bytesBefore, goroutinesBefore := heap(), runtime.NumGoroutine()
	for range copies {
		out, in, _, _ := start(t, &c)
		out.Write([]byte("x")) // a failure shows in the read
		if _, err := io.ReadFull(in, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { out.Close() })
	}
	goroutines := float64(runtime.NumGoroutine()-goroutinesBefore) / copies
	each := float64(int64(heap())-int64(bytesBefore)) / copies
	t.Logf("an idle copy: %.1f KiB of heap with its four conns, %.0f goroutine", each/1024, goroutines)
	if each > 6<<10 {
		t.Errorf("an idle copy holds %.0f bytes, want no buffer", each)
	}
	if goroutines > 1 {
		t.Errorf("an idle copy has %.1f goroutines, want 1", goroutines)
	}
}

// A transfer that was cut leaves bytes in its pipe. They are one client's secret: no
// later transfer may get them.
func TestCopyPipesAreEmpty(t *testing.T) {
	leak.Check(t)
	var c splice.Copier
	defer c.Close()
	out, in, src, done := start(t, &c)
	secret := bytes.Repeat([]byte("secret"), 10<<10)
	_, err := out.Write(secret) // some, however busy the machine is
	for err == nil {            // nobody reads: until all buffers are full
		out.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) // it is open
		_, err = out.Write(secret)
	}
	in.SetLinger(0)
	in.Close()
	if err := <-done; err == nil {
		t.Error("Copy = nil, want the error of a stream that was cut")
	}
	src.Close()

	want := bytes.Repeat([]byte("public"), 40<<10)
	for range 9 { // one more than the pipes that are kept
		out, in, _, done := start(t, &c)
		go func() {
			out.Write(want) // a failure shows in what is read
			out.Close()
		}()
		got, err := io.ReadAll(in)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, %v, %d secrets, want %d bytes",
				len(got), err, bytes.Count(got, []byte("secret")), len(want))
		}
		if err := <-done; err != nil {
			t.Errorf("Copy = %v, want nil", err)
		}
	}
}

// A copy has a pipe only while much is flowing: those that have carried a transfer and wait
// for the next one keep none. Eight stay open for the next transfers, until Close.
func TestCopyKeepsNoPipes(t *testing.T) {
	leak.Check(t)
	const copies, size, kept = 14, 8 << 20, 2 * 8
	var c splice.Copier
	before := pipesOpen(t)
	wait := func(what string, least, most int) {
		t.Helper()
		got := pipesOpen(t) - before
		for end := time.Now().Add(10 * time.Second); got < least || got > most; runtime.Gosched() {
			if time.Now().After(end) {
				t.Errorf("%s: %d descriptors of pipes, want %d to %d", what, got, least, most)
				return
			}
			got = pipesOpen(t) - before
		}
		t.Logf("%s: %d descriptors of pipes", what, got)
	}
	var ins [copies]*net.TCPConn
	for i := range ins {
		out, in, _, _ := start(t, &c)
		ins[i] = in
		in.SetReadBuffer(64 << 10)       // less to fill; the test does not need it
		go out.Write(make([]byte, size)) // more than all buffers; a failure shows in the read
	}
	wait("14 transfers wait for their receivers", kept+2, 2*copies) // some have buffers
	for _, in := range ins {
		if _, err := io.CopyN(struct{ io.Writer }{io.Discard}, in, size); err != nil {
			t.Fatal(err)
		}
	}
	wait("all have been received", kept, kept)
	c.Close() // never fails
	wait("after Close", 0, 0)
}
