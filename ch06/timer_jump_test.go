package ch06_test

import (
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// Round trips that jump have the first block sent again, until its ACK comes. The timer then
// keeps the longer wait until it has measured the new round trips, RFC 6298 section 5.5 to
// 5.7, and no duplicate that follows from the first makes later blocks travel twice.
func TestTimerJump(t *testing.T) {
	for _, from := range []time.Duration{1, 20} {
		for _, to := range []time.Duration{3, 25, 40, 60, 100, 300} {
			for _, window := range []int{1, 8} {
				t.Run(fmt.Sprintf("%d to %d ms, window %d", from, to, window), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						timerJump(t, from*time.Millisecond, to*time.Millisecond, window)
					})
				})
			}
		}
	}
}

func timerJump(t *testing.T, from, to time.Duration, window int) {
	const blocks, growth = 400, 100
	data := 0
	network := &packetnet.Network{Delay: from / 2}
	network.Fault = func(d packetnet.Datagram) (copies int, late time.Duration) {
		if d.Payload[1] == byte(ch06.OpData) {
			data++
		}
		if data > growth {
			late = max(0, to-from) / 2
		}
		return 1, late
	}
	network.Serve(t, &ch06.Server{Payload: make([]byte, (blocks-1)*512), ListenPacket: network.ListenPacket}, ch06.ErrServerClosed)
	client := &ch06.Client{BlockSize: 512, WindowSize: window, ListenPacket: network.ListenPacket}
	if _, err := client.Get(t.Context(), "192.0.2.1:69", "f", io.Discard); err != nil {
		t.Fatal(err)
	}
	client.Wait()
	t.Logf("%d DATA for %d blocks", data, blocks)
	if most := blocks + 5*window; data > most {
		t.Errorf("%d DATA for %d blocks, want at most %d", data, blocks, most)
	}
}
