package idle_test

import (
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

// The user's deadlines work too. The earlier one ends the call.
func TestTimeoutWithDeadlines(t *testing.T) {
	const forever = 24 * time.Hour
	for _, tt := range []struct{ deadline, want time.Duration }{
		{10 * time.Second, 10 * time.Second},
		{0, 0}, // now: interrupts
		{forever, deadlineLimit},
	} {
		t.Run(fmt.Sprint(tt.deadline), func(t *testing.T) {
			deadlinePipe(t, func(t *testing.T, conn, peer net.Conn) {
				start := time.Now()
				conn.SetReadDeadline(start.Add(tt.deadline)) // cannot fail: conn is open
				_, err := conn.Read(make([]byte, 1))
				deadlineWant(t, "Read", err, start, tt.want)

				start = time.Now()
				conn.SetWriteDeadline(start.Add(tt.deadline))
				go io.ReadFull(peer, make([]byte, 1)) // progress, but not the whole Write
				want := tt.want
				if tt.deadline == forever {
					want = 2 * deadlineLimit // a byte was read in the first period
				}
				_, err = conn.Write(make([]byte, 2))
				deadlineWant(t, "Write", err, start, want)
			})
		})
	}
	t.Run("moved while a Read waits", func(t *testing.T) {
		deadlinePipe(t, func(t *testing.T, conn, _ net.Conn) {
			start := time.Now()
			time.AfterFunc(5*time.Second, func() { conn.SetDeadline(start.Add(forever)) })
			time.AfterFunc(10*time.Second, func() { conn.SetDeadline(time.Time{}) })
			_, err := conn.Read(make([]byte, 1))
			// Setting a deadline is not progress.
			deadlineWant(t, "Read", err, start, deadlineLimit)
		})
	})
	t.Run("closed", func(t *testing.T) {
		deadlinePipe(t, func(t *testing.T, conn, _ net.Conn) {
			conn.Read(make([]byte, 1)) // times out, as the Write does
			conn.Write(make([]byte, 1))
			conn.Close()
			for name, set := range map[string]func(time.Time) error{"": conn.SetDeadline,
				"Read": conn.SetReadDeadline, "Write": conn.SetWriteDeadline} {
				for _, deadline := range []time.Time{{}, time.Unix(1, 0)} {
					if err := set(deadline); err != io.ErrClosedPipe { // once, not twice
						t.Errorf("Set%sDeadline = %v, want the pipe's own error", name, err)
					}
				}
			}
		})
	})
}

const deadlineLimit = 30 * time.Second

// deadlinePipe runs f in a synctest bubble with a limited conn and its peer.
func deadlinePipe(t *testing.T, f func(t *testing.T, conn, peer net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		local, peer := net.Pipe()
		t.Cleanup(func() { local.Close(); peer.Close() })
		f(t, idle.Timeout(local, deadlineLimit), peer)
	})
}

// deadlineWant checks that a call timed out, and when.
func deadlineWant(t *testing.T, call string, err error, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s ended after %v with %v, want %v and os.ErrDeadlineExceeded",
			call, got, err, want)
	}
}
