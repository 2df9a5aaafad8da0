package fastudp_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"network-programming-with-go/ch06/fastudp"
	"network-programming-with-go/ch06/internal/blocks"
)

// Waiting ends as in any net.PacketConn, and neither direction allocates.
func TestBlocksConn(t *testing.T) {
	c, to := blocks.Open(t, fastudp.ListenPacket, "udp4", "127.0.0.1")
	blocks.Join(t, c)                   // checks the read deadline
	c.SetWriteDeadline(time.Unix(1, 0)) // cannot fail: c is open
	if err := c.WriteBlocks([]byte("aabb"), 2, to); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("WriteBlocks after its deadline: error = %v, want os.ErrDeadlineExceeded", err)
	}
	c.SetWriteDeadline(time.Time{}) // as above
	for _, size := range []int{0, -1} {
		if err := c.WriteBlocks([]byte("aabb"), size, to); err == nil {
			t.Errorf("WriteBlocks with datagrams of %d bytes: no error", size)
		}
	}
	window, b := make([]byte, 10_000), make([]byte, 64<<10)
	c.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; c is open
	got := testing.AllocsPerRun(100, func() {
		if err := c.WriteBlocks(window, 1000, to); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(window); {
			m, _, _, err := c.ReadBlocks(b)
			if err != nil {
				t.Fatal(err)
			}
			n += m
		}
	})
	if got != 0 {
		t.Errorf("WriteBlocks and ReadBlocks allocate %v times, want 0", got)
	}

	c.SetReadDeadline(time.Time{}) // as above
	blocked := make(chan error, 1)
	go func() {
		_, _, _, err := c.ReadBlocks(b)
		blocked <- err
	}()
	c.Close() // before or while ReadBlocks waits: it ends
	if err := <-blocked; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadBlocks of a closed socket: error = %v, want net.ErrClosed", err)
	}
	if err := c.WriteBlocks(window, 1000, to); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteBlocks of a closed socket: error = %v, want net.ErrClosed", err)
	}
}
