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
				listener, err := network.Listen("192.0.2.1:69")
				if err != nil {
					t.Fatal(err)
				}
				server := &ch06.Server{Payload: make([]byte, (blocks-1)*512), ListenPacket: network.ListenPacket}
				served := make(chan error, 1)
				go func() { served <- server.Serve(listener) }()
				client := &ch06.Client{BlockSize: 512, WindowSize: window}
				client.ListenPacket = func(_, address string) (net.PacketConn, error) {
					conn, err := network.Listen(address)
					return &lateDuplicatesConn{conn, late}, err
				}
				if _, err := client.Get(t.Context(), "192.0.2.1:69", "f", io.Discard); err != nil {
					t.Error(err)
				}
				client.Wait()
				server.Close() // always nil
				<-served
				t.Logf("%d DATA for %d blocks", data, blocks)
				if data > blocks+window {
					t.Errorf("%d DATA for %d blocks, want at most %d", data, blocks, blocks+window)
				}
			})
		})
	}
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
