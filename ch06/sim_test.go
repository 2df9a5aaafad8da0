package ch06_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

func simulate(t *testing.T, n *packetnet.Network, size int, client *ch06.Client) (took time.Duration, sends float64) {
	synctest.Test(t, func(t *testing.T) {
		content := make([]byte, size)
		server := &ch06.Server{Payload: content, ListenPacket: n.ListenPacket}
		conn, _ := n.ListenPacket("udp", "192.0.2.1:69")
		go server.Serve(conn)
		client.ListenPacket = n.ListenPacket
		var got bytes.Buffer
		start := time.Now()
		_, err := client.Get(t.Context(), "192.0.2.1:69", "file", &got)
		took = time.Since(start)
		if err != nil || got.Len() != size {
			t.Error(err, got.Len(), n.Seed)
		}
		client.Wait()
		server.Close()
		data := 0
		for _, d := range n.Log() {
			if d.Payload[1] == 3 {
				data++
			}
		}
		bs := client.BlockSize
		if bs == 0 {
			bs = 1428
		}
		sends = float64(data) / float64(size/bs+1)
	})
	return
}

func TestSim(t *testing.T) {
	for _, tt := range []struct {
		loss, reorder float64
		window, size  int
	}{{0, 0, 64, 8 << 20}, {.01, 0, 64, 8 << 20}, {.05, 0, 64, 8 << 20}, {.1, 0, 64, 8 << 20}, {.3, 0, 64, 2 << 20}, {0, 0, 8, 2 << 20}, {0, .25, 8, 2 << 20}, {.01, .25, 8, 2 << 20}, {0, 0, 1, 2 << 20}, {.01, 0, 1, 2 << 20}, {.05, 0, 1, 2 << 20}, {.3, 0, 1, 200000}} {
		var total time.Duration
		var sends float64
		for seed := range 5 {
			n := &packetnet.Network{Delay: time.Millisecond, Loss: tt.loss, Reorder: tt.reorder, LateBy: 5 * time.Millisecond, Seed: uint64(seed)}
			d, s := simulate(t, n, tt.size, &ch06.Client{WindowSize: tt.window})
			total += d / 5
			sends += s / 5
		}
		t.Logf("loss %v reorder %v window %d: %v, %.2f sends per block", tt.loss, tt.reorder, tt.window, total, sends)
	}
}
