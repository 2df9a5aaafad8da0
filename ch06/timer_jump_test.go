package ch06_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A round trip that jumps from 1 ms to 300 ms has the first block sent again, until its ACK
// comes. The timer then keeps the longer wait until it has measured the new round trips, RFC
// 6298 section 5.5 to 5.7: no later block is sent twice.
func TestTimerJump(t *testing.T) {
	for _, window := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			const blocks, growth = 400, 100
			data := 0
			network := &packetnet.Network{Delay: time.Millisecond / 2}
			network.Fault = func(d packetnet.Datagram) (copies int, late time.Duration) {
				if d.Payload[1] == byte(ch06.OpData) {
					data++
				}
				if data > growth {
					late = 299 * time.Millisecond / 2
				}
				return 1, late
			}
			network.Serve(t, &ch06.Server{Payload: make([]byte, (blocks-1)*512), ListenPacket: network.ListenPacket}, ch06.ErrServerClosed)
			client := &ch06.Client{BlockSize: 512, WindowSize: window, ListenPacket: network.ListenPacket}
			if _, err := client.Get(t.Context(), "192.0.2.1:69", "f", io.Discard); err != nil {
				t.Fatal(err)
			}
			client.Wait()
			t.Logf("window %d: %d DATA for %d blocks", window, data, blocks)
			if most := blocks + 4*window; data > most {
				t.Errorf("window %d: %d DATA for %d blocks, want at most %d", window, data, blocks, most)
			}
		})
	}
}
