package idle_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/idle"
)

const limit = 30 * time.Second

// idlePipe runs f in a synctest bubble with a limited conn and its peer.
func idlePipe(t *testing.T, f func(t *testing.T, conn, peer net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		local, peer := net.Pipe()
		t.Cleanup(func() { local.Close(); peer.Close() })
		f(t, idle.Timeout(local, limit), peer)
	})
}

// idleWant checks that a call timed out, and when.
func idleWant(t *testing.T, call string, err error, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s ended after %v with %v, want %v and os.ErrDeadlineExceeded",
			call, got, err, want)
	}
}

func TestTimeoutEndsSilentPeer(t *testing.T) {
	idlePipe(t, func(t *testing.T, conn, _ net.Conn) {
		start := time.Now()
		_, err := conn.Read(make([]byte, 1))
		idleWant(t, "Read", err, start, limit)
		start = time.Now()
		n, err := conn.Write([]byte("x")) // the peer does not read either
		idleWant(t, "Write", err, start, limit)
		if n != 0 {
			t.Errorf("Write = %d, want 0: the peer has not read", n)
		}
	})
}

// Each byte moves the deadline: a slow peer keeps the connection, a silent one loses it.
func TestTimeoutMovesAhead(t *testing.T) {
	idlePipe(t, func(t *testing.T, conn, peer net.Conn) {
		start := time.Now()
		go func() {
			for range 5 {
				time.Sleep(limit - time.Second)
				peer.Write([]byte("x")) // an error shows in the count
			}
		}()
		got, err := io.ReadAll(conn)
		idleWant(t, "ReadAll", err, start, 5*(limit-time.Second)+limit)
		if len(got) != 5 {
			t.Errorf("read %d bytes, want 5", len(got))
		}
		t.Logf("%d bytes, then after %v: %v", len(got), time.Since(start), err)
	})
}

// A byte in one direction counts for a pending call in the other, as during a long
// download. A call that moves no byte does not count.
func TestTimeoutProgressCountsForBothDirections(t *testing.T) {
	read := func(c net.Conn) error { _, err := c.Read(make([]byte, 1)); return err }
	write := func(c net.Conn) error { _, err := c.Write(make([]byte, 1)); return err }
	failRead := func(c net.Conn) error { c.SetReadDeadline(time.Now()); return read(c) }
	failWrite := func(c net.Conn) error { c.SetWriteDeadline(time.Now()); return write(c) }
	none := func(net.Conn) error { return nil }
	every := limit - time.Second
	for _, tt := range []struct {
		name                string
		pending, call, peer func(net.Conn) error // call and peer are repeated
		want                time.Duration        // until pending times out
	}{
		{"reads for a write", write, read, write, 5*every + limit},
		{"writes for a read", read, write, read, 5*every + limit},
		{"failed reads", write, failRead, none, limit},
		{"failed writes", read, failWrite, none, limit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			idlePipe(t, func(t *testing.T, conn, peer net.Conn) {
				start := time.Now()
				var calls sync.WaitGroup
				calls.Go(func() {
					for range 5 {
						time.Sleep(every)
						calls.Go(func() { tt.peer(peer) }) // an error shows in the time
						tt.call(conn)
					}
				})
				idleWant(t, "the pending call", tt.pending(conn), start, tt.want)
				calls.Wait()
			})
		})
	}
}

// The time that the program spends between calls does not count.
func TestTimeoutCountsWaitingOnly(t *testing.T) {
	idlePipe(t, func(t *testing.T, conn, peer net.Conn) {
		go io.Copy(peer, peer) // echoes until conn is closed
		one := make([]byte, 1)
		for range 3 {
			time.Sleep(10 * limit) // the program computes
			if _, err := conn.Write(one); err != nil {
				t.Errorf("Write after a long pause = %v, want nil", err)
			}
			time.Sleep(10 * limit)
			if _, err := conn.Read(one); err != nil {
				t.Errorf("Read after a long pause = %v, want nil", err)
			}
		}
	})
}

// A new call is not progress: it gives pending calls no more time.
func TestTimeoutNewCall(t *testing.T) {
	idlePipe(t, func(t *testing.T, conn, _ net.Conn) {
		start := time.Now()
		errs := make(chan error)
		for i := range 3 {
			time.AfterFunc(time.Duration(i)*10*time.Second, func() {
				_, err := conn.Write([]byte("x"))
				errs <- err
			})
		}
		for range 3 {
			idleWant(t, "Write", <-errs, start, limit)
		}
	})
}

// A large Write goes on as long as a part of it is read in each period.
func TestTimeoutLargeWrite(t *testing.T) {
	idlePipe(t, func(t *testing.T, conn, peer net.Conn) {
		start := time.Now()
		go func() { // 1 KiB in 20 s: a 32 KiB piece takes much longer than the limit
			for range 100 {
				time.Sleep(20 * time.Second)
				io.ReadFull(peer, make([]byte, 1<<10)) // an error shows in the count
			}
		}()
		n, err := conn.Write(make([]byte, 1<<20))
		if n != 100<<10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v; want the %d bytes taken, and a timeout", n, err, 100<<10)
		}
		idle := time.Since(start) - 2000*time.Second // since the last byte
		if idle < limit || idle > 2*limit {
			t.Errorf("Write timed out %v after the last byte, want %v to %v", idle,
				limit, 2*limit)
		}
	})
}

// A large Write counts for a pending Read even before it returns.
func TestTimeoutLargeWriteIsProgress(t *testing.T) {
	idlePipe(t, func(t *testing.T, conn, peer net.Conn) {
		start := time.Now()
		go conn.Write(make([]byte, 320<<10)) // 320 KiB; a failure shows in the time
		go func() {
			for range 20 { // 200 s
				time.Sleep(10 * time.Second)
				io.ReadFull(peer, make([]byte, 16<<10)) // 16 KiB, half a piece
			}
		}()
		_, err := conn.Read(make([]byte, 1))
		idleWant(t, "Read", err, start, 200*time.Second+limit)
	})
}

// The pieces of concurrent Writes do not mix.
func TestTimeoutWritesAreWhole(t *testing.T) {
	idlePipe(t, func(t *testing.T, conn, peer net.Conn) {
		const size = 100 << 10 // 100 KiB: several pieces
		for _, b := range []byte("abc") {
			go conn.Write(bytes.Repeat([]byte{b}, size)) // an error shows in the read
		}
		for range 3 {
			got := make([]byte, size)
			_, err := io.ReadFull(peer, got)
			if err != nil || bytes.Count(got, got[:1]) != size {
				t.Errorf("read %d of %q in %d bytes, %v; want those of one Write only",
					bytes.Count(got, got[:1]), got[0], size, err)
			}
		}
	})
}
