package ch04_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"network-programming-with-go/ch04"
)

// proxyLinuxPair returns the two ends of a TCP connection, closed after the test.
func proxyLinuxPair(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialed, accepted
}

// proxyBytesRead returns the bytes that this process has read by read(2) and the
// like, which splice(2) is not: see proc_pid_io(5).
func proxyBytesRead(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip("no I/O accounting here:", err)
	}
	if _, err := fmt.Fscanf(bytes.NewReader(text), "rchar: %d", &n); err != nil {
		t.Fatalf("/proc/self/io: %v in %q", err, text)
	}
	return n
}

// proxyLinuxWrapped hides *net.TCPConn from io.Copy, but not its half-close: without
// a CloseWrite to call, Proxy could not pass the end of one direction on.
type proxyLinuxWrapped struct{ net.Conn }

func (c proxyLinuxWrapped) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// Conns handed over as they are: the bytes stay in the kernel, and the receiver's
// reads are all there are. Wrapped ones: the proxy reads them as well. A Relay reads
// what is small, and so the first bytes of a transfer.
func TestProxySplices(t *testing.T) {
	const size = 2 << 20
	for _, tc := range []struct {
		name   string
		run    func(ctx context.Context, client, server net.Conn) error
		copies int64 // how often each byte is read in this process
	}{
		{"Proxy", ch04.Proxy, 1},
		{"Relay with Splice", ch04.Relay{Splice: true}.Run, 1},
		{"Proxy, wrapped conns", func(ctx context.Context, client, server net.Conn) error {
			return ch04.Proxy(ctx, proxyLinuxWrapped{client}, proxyLinuxWrapped{server})
		}, 2},
		{"Relay", ch04.Relay{}.Run, 1},
	} {
		client, c := proxyLinuxPair(t)
		s, server := proxyLinuxPair(t)
		before := proxyBytesRead(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := tc.run(t.Context(), c, s); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
		})
		wg.Go(func() {
			client.Write(make([]byte, size)) // a failure shows in the count
			client.Close()
		})
		if n, err := io.Copy(struct{ io.Writer }{io.Discard}, server); n != size || err != nil {
			t.Errorf("%s: server got %d bytes, %v, want %d", tc.name, n, err, size)
		}
		server.Close()
		wg.Wait()
		got := proxyBytesRead(t) - before
		t.Logf("%-22s %4.1f MiB sent, %4.1f MiB read by this process",
			tc.name, float64(size)/(1<<20), float64(got)/(1<<20))
		if got < tc.copies*size || got > tc.copies*size+size/2 {
			t.Errorf("%s: each byte was read %.2f times, want %d",
				tc.name, float64(got)/size, tc.copies)
		}
	}
}

// What a pair of conns costs while nothing flows: goroutines and heap. Sockets are
// the kernel's business, and so are Proxy's pipes.
func TestProxyIdleMemory(t *testing.T) {
	const pairs = 32
	heap := func() uint64 {
		runtime.GC()
		runtime.GC() // the second one empties the pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	type cost struct{ heap, goroutines float64 }
	measure := func(run func(ctx context.Context, client, server net.Conn) error) cost {
		type four struct{ client, c, s, server net.Conn }
		conns := make([]four, pairs)
		for i := range conns {
			conns[i].client, conns[i].c = proxyLinuxPair(t)
			conns[i].s, conns[i].server = proxyLinuxPair(t)
		}
		ctx, cancel := context.WithCancel(t.Context())
		bytesBefore, goroutinesBefore := heap(), runtime.NumGoroutine()
		var wg sync.WaitGroup
		for _, f := range conns {
			wg.Go(func() { run(ctx, f.c, f.s) }) // ends with an error: the end of ctx
			for _, dir := range [][2]net.Conn{{f.client, f.server}, {f.server, f.client}} {
				dir[0].Write([]byte("x")) // a failure shows in the read
				if _, err := io.ReadFull(dir[1], make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		goroutines := runtime.NumGoroutine() - goroutinesBefore
		c := cost{(float64(heap()) - float64(bytesBefore)) / pairs, float64(goroutines) / pairs}
		cancel()
		wg.Wait()
		for _, f := range conns {
			f.client.Close()
			f.server.Close()
		}
		return c
	}
	wrapped := measure(func(ctx context.Context, client, server net.Conn) error {
		return ch04.Proxy(ctx, proxyLinuxWrapped{client}, proxyLinuxWrapped{server})
	})
	relay := measure(ch04.Relay{}.Run)
	t.Logf("an idle pair: Proxy, wrapped %5.1f KiB of heap, %.0f goroutines",
		wrapped.heap/1024, wrapped.goroutines)
	t.Logf("an idle pair: Relay          %5.1f KiB of heap, %.0f goroutines",
		relay.heap/1024, relay.goroutines)
	if relay.heap > 8<<10 {
		t.Errorf("an idle Relay holds %.0f bytes, want no buffer", relay.heap)
	}
	if relay.goroutines > 2 {
		t.Errorf("an idle Relay has %.1f goroutines, want 2", relay.goroutines)
	}
}

// A transfer that was cut leaves bytes in its pipe. They are one client's secret: no
// later transfer may get them.
func TestRelayPipesAreEmpty(t *testing.T) {
	client, c := proxyLinuxPair(t)
	s, _ := proxyLinuxPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch04.Relay{}.Run(ctx, c, s) }()
	secret := bytes.Repeat([]byte("secret"), 10<<10)
	for err := error(nil); err == nil; { // nobody reads: until all buffers are full
		client.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) // it is open
		_, err = client.Write(secret)
	}
	cancel()
	<-done // an error by design: the stream was cut

	want := bytes.Repeat([]byte("public"), 40<<10)
	for range 9 { // one more than the pipes that are kept
		client, c := proxyLinuxPair(t)
		s, server := proxyLinuxPair(t)
		go func() { done <- ch04.Relay{}.Run(t.Context(), c, s) }()
		go func() {
			client.Write(want) // a failure shows in what is read
			client.Close()
		}()
		got, err := io.ReadAll(server)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, %v, %d secrets, want %d bytes",
				len(got), err, bytes.Count(got, []byte("secret")), len(want))
		}
		server.Close()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
}

// A Relay has a pipe only while much is flowing: pairs that have carried a transfer and
// wait for the next one keep no descriptor but their sockets. A few pipes of the
// process stay open, to be used again.
func TestRelayKeepsNoPipes(t *testing.T) {
	const pairs, size, kept = 8, 256 << 10, 2 * 8
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("cannot count descriptors:", err)
		}
		return len(list)
	}
	before := descriptors()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	buf := make([]byte, size)
	for range pairs {
		client, c := proxyLinuxPair(t)
		s, server := proxyLinuxPair(t)
		wg.Go(func() { ch04.Relay{}.Run(ctx, c, s) }) // ends with an error: the end of ctx
		for _, dir := range [][2]net.Conn{{client, server}, {server, client}} {
			go dir[0].Write(buf) // a failure shows in the read
			if _, err := io.ReadFull(dir[1], make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := descriptors() - before - 4*pairs
	for end := time.Now().Add(5 * time.Second); got > kept && time.Now().Before(end); {
		runtime.Gosched() // the last transfers are still looking for more
		got = descriptors() - before - 4*pairs
	}
	t.Logf("%d pairs after a transfer: %d descriptors beside the sockets", pairs, got)
	if got > kept {
		t.Errorf("%d idle pairs keep %d descriptors, want at most %d", pairs, got, kept)
	}
}
