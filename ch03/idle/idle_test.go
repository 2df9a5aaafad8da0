package idle_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/idle"
)

const idleLimit = 30 * time.Second

// idleBubble runs f in a bubble with a guarded conn and its peer.
func idleBubble(t *testing.T, f func(t *testing.T, conn, peer net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		local, peer := net.Pipe()
		t.Cleanup(func() { local.Close(); peer.Close() })
		f(t, idle.Timeout(local, idleLimit), peer)
	})
}

// idleWant checks that a call timed out, and when.
func idleWant(t *testing.T, call string, err error, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s ended after %v with %v, want %v with os.ErrDeadlineExceeded",
			call, got, err, want)
	}
}

func TestTimeoutEndsSilentPeer(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, _ net.Conn) {
		start := time.Now()
		_, err := conn.Read(make([]byte, 1))
		idleWant(t, "Read", err, start, idleLimit)
		start = time.Now()
		n, err := conn.Write([]byte("x")) // the peer does not read either
		idleWant(t, "Write", err, start, idleLimit)
		if n != 0 {
			t.Errorf("Write = %d, want 0: nobody read", n)
		}
	})
}

// Each byte moves the deadline, so a slow peer lives, and a peer that stops does not.
func TestTimeoutMovesAhead(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, peer net.Conn) {
		start := time.Now()
		go func() {
			for range 5 {
				time.Sleep(idleLimit - time.Second)
				peer.Write([]byte("x")) // a failure shows in the count
			}
		}()
		got, err := io.ReadAll(conn)
		idleWant(t, "ReadAll", err, start, 5*(idleLimit-time.Second)+idleLimit)
		if len(got) != 5 {
			t.Errorf("read %d bytes, want 5", len(got))
		}
		t.Logf("%d bytes, then after %v: %v", len(got), time.Since(start), err)
	})
}

// A download keeps the read that waits for the next request alive, and the reverse.
func TestTimeoutProgressCountsForBothDirections(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, peer net.Conn) {
		start := time.Now()
		go io.Copy(io.Discard, peer)
		go func() {
			for range 5 {
				time.Sleep(idleLimit - time.Second)
				conn.Write([]byte("x")) // a failure shows in the time
			}
		}()
		_, err := conn.Read(make([]byte, 1))
		idleWant(t, "Read", err, start, 5*(idleLimit-time.Second)+idleLimit)
	})
}

// The time between calls is the program's: a peer is not to blame for it.
func TestTimeoutCountsWaitingOnly(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, peer net.Conn) {
		go io.Copy(peer, peer) // echoes until conn is closed
		one := make([]byte, 1)
		for range 3 {
			time.Sleep(10 * idleLimit) // the program computes
			if _, err := conn.Write(one); err != nil {
				t.Errorf("Write after a long pause = %v, want nil", err)
			}
			time.Sleep(10 * idleLimit)
			if _, err := conn.Read(one); err != nil {
				t.Errorf("Read after a long pause = %v, want nil", err)
			}
		}
	})
}

// One more call on a stuck conn does not give those that wait more time.
func TestTimeoutNewCallsAreNoProgress(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, _ net.Conn) {
		start := time.Now()
		errs := make(chan error)
		for i := range 3 {
			time.AfterFunc(time.Duration(i)*10*time.Second, func() {
				_, err := conn.Write([]byte("x"))
				errs <- err
			})
		}
		for range 3 {
			idleWant(t, "Write", <-errs, start, idleLimit)
		}
	})
}

// A large Write lives as long as some of it gets through in each period.
func TestTimeoutLargeWrite(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, peer net.Conn) {
		start := time.Now()
		go func() { // 1 KiB in 20 s: a 32 KiB piece takes much longer than the limit
			for range 100 {
				time.Sleep(20 * time.Second)
				io.ReadFull(peer, make([]byte, 1<<10)) // a failure shows in the count
			}
		}()
		n, err := conn.Write(make([]byte, 1<<20))
		if n != 100<<10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v; want the %d bytes taken, and a timeout", n, err, 100<<10)
		}
		idle := time.Since(start) - 2000*time.Second // since the last byte
		if idle < idleLimit || idle > 2*idleLimit {
			t.Errorf("Write gave up %v after the last byte, want %v to %v", idle,
				idleLimit, 2*idleLimit)
		}
	})
}

// It keeps the Read of the other direction alive before it has returned.
func TestTimeoutLargeWriteIsProgress(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, peer net.Conn) {
		start := time.Now()
		go conn.Write(make([]byte, 320<<10)) // 320 KiB; a failure shows in the time
		go func() {
			for range 20 { // 200 s
				time.Sleep(10 * time.Second)
				io.ReadFull(peer, make([]byte, 16<<10)) // 16 KiB, half a piece
			}
		}()
		_, err := conn.Read(make([]byte, 1))
		idleWant(t, "Read", err, start, 200*time.Second+idleLimit)
	})
}

// Pieces of concurrent Writes are not mixed.
func TestTimeoutWritesAreWhole(t *testing.T) {
	idleBubble(t, func(t *testing.T, conn, peer net.Conn) {
		const size = 100 << 10 // 100 KiB: several pieces
		for _, b := range []byte("abc") {
			go conn.Write(bytes.Repeat([]byte{b}, size)) // a failure shows in the read
		}
		for range 3 {
			got := make([]byte, size)
			_, err := io.ReadFull(peer, got)
			if err != nil || bytes.Count(got, got[:1]) != size {
				t.Errorf("read %d of %q in %d bytes, %v; want one writer's only",
					bytes.Count(got, got[:1]), got[0], size, err)
			}
		}
	})
}

// The user's deadlines hold as well. Whichever comes first ends the call.
func TestTimeoutWithDeadlines(t *testing.T) {
	const forever = 24 * time.Hour
	for _, tt := range []struct{ deadline, want time.Duration }{
		{10 * time.Second, 10 * time.Second},
		{0, 0}, // now: interrupts
		{forever, idleLimit},
	} {
		t.Run(fmt.Sprint(tt.deadline), func(t *testing.T) {
			idleBubble(t, func(t *testing.T, conn, peer net.Conn) {
				start := time.Now()
				conn.SetReadDeadline(start.Add(tt.deadline)) // cannot fail: conn is open
				_, err := conn.Read(make([]byte, 1))
				idleWant(t, "Read", err, start, tt.want)

				start = time.Now()
				conn.SetWriteDeadline(start.Add(tt.deadline))
				go io.ReadFull(peer, make([]byte, 1)) // progress, not enough for us
				want := tt.want
				if tt.deadline == forever {
					want = 2 * idleLimit // a byte got through in the first period
				}
				_, err = conn.Write(make([]byte, 2))
				idleWant(t, "Write", err, start, want)
			})
		})
	}
	t.Run("moved while a Read waits", func(t *testing.T) {
		idleBubble(t, func(t *testing.T, conn, _ net.Conn) {
			start := time.Now()
			time.AfterFunc(5*time.Second, func() { conn.SetDeadline(start.Add(forever)) })
			time.AfterFunc(10*time.Second, func() { conn.SetDeadline(time.Time{}) })
			_, err := conn.Read(make([]byte, 1))
			idleWant(t, "Read", err, start, idleLimit) // setting is no progress either
		})
	})
	t.Run("closed", func(t *testing.T) {
		idleBubble(t, func(t *testing.T, conn, _ net.Conn) {
			conn.Close()
			for name, set := range map[string]func(time.Time) error{"": conn.SetDeadline,
				"Read": conn.SetReadDeadline, "Write": conn.SetWriteDeadline} {
				if err := set(time.Time{}); err != io.ErrClosedPipe { // once, not twice
					t.Errorf("Set%sDeadline = %v, want the pipe's own error", name, err)
				}
			}
		})
	})
}
