package ch06_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// Each ACK comes twice, the second time late, as over two paths. In a window the copy looks
// like the report that the next block was lost. The sender learns that it is not: one window
// is sent twice, not every other.
func TestLateDuplicates(t *testing.T) {
	const blocks, window, delay = 400, 8, time.Millisecond
	for _, late := range []time.Duration{delay / 2, delay * 6 / 5, delay * 19 / 10, delay * 3} {
		t.Run(late.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				data := 0
				network := &packetnet.Network{Delay: delay}
				network.Fault = func(d packetnet.Datagram) (copies int, late time.Duration) {
					if d.Payload[1] == byte(ch06.OpData) {
						data++
					}
					return 1, 0
				}
				network.Serve(t, &ch06.Server{Payload: make([]byte, (blocks-1)*512), ListenPacket: network.ListenPacket}, ch06.ErrServerClosed)
				client := &ch06.Client{BlockSize: 512, WindowSize: window}
				client.ListenPacket = func(_, address string) (net.PacketConn, error) {
					conn, err := network.Listen(address)
					return &lateDuplicatesConn{conn, late}, err
				}
				if _, err := client.Get(t.Context(), "192.0.2.1:69", "f", io.Discard); err != nil {
					t.Error(err)
				}
				client.Wait()
				t.Logf("%d DATA for %d blocks", data, blocks)
				if data > blocks+window {
					t.Errorf("%d DATA for %d blocks, want at most %d", data, blocks, blocks+window)
				}
			})
		})
	}
}

// After a duplicate that was very late, an ACK that is repeated after more than a round trip
// still reports a lost block.
func TestLateDuplicateThenLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		to := network.Serve(t, &ch06.Server{Payload: make([]byte, 1000), ListenPacket: network.ListenPacket}, ch06.ErrServerClosed)
		client := network.MustListen(t, "192.0.2.2:2000")
		client.Send(to, "\x00\x01f\x00octet\x00blksize\x008\x00windowsize\x004\x00")
		_, tid := client.Receive()
		for _, step := range []struct {
			wait  time.Duration
			ack   rune
			first byte // the first of the four blocks that come
		}{
			{0, 0, 1}, {0, 4, 5}, {0, 8, 9},
			{20 * time.Millisecond, 8, 9},    // is taken for a report
			{300 * time.Microsecond, 12, 13}, // but was a duplicate: this ACK was on its way
			{0, 16, 17},
			{2 * time.Millisecond, 16, 17}, // 17 was lost
		} {
			time.Sleep(step.wait)
			client.Send(tid, "\x00\x04\x00"+string(step.ack))
			if step.wait > 2*time.Millisecond {
				continue // the next ACK follows at once
			}
			for client.Pending() > 0 {
				client.Receive()
			}
			start := time.Now()
			for packet, _ := client.Receive(); packet[3] != step.first; {
				packet, _ = client.Receive()
			}
			if took := time.Since(start); took > 3*time.Millisecond {
				t.Errorf("DATA %d came %v after ACK %d, want 2ms", step.first, took, step.ack)
			}
			time.Sleep(time.Microsecond) // the rest of the window has arrived
			for client.Pending() > 0 {
				client.Receive()
			}
		}
		client.Send(tid, "\x00\x05\x00\x00enough\x00")
	})
}

// lateDuplicatesConn sends each ACK twice.
type lateDuplicatesConn struct {
	*packetnet.Conn
	late time.Duration
}

func (c *lateDuplicatesConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if b[1] == byte(ch06.OpAck) {
		duplicate := bytes.Clone(b)
		time.AfterFunc(c.late, func() { c.Conn.WriteTo(duplicate, to) }) // cannot fail
	}
	return c.Conn.WriteTo(b, to)
}
