package ch06_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// TestLossyNetwork fetches files over a network that loses datagrams by a seeded plan,
// duplicates half as many and delays as many. Each file must arrive unharmed, and within a
// bounded number of datagrams.
func TestLossyNetwork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		loss                  float64
		blksize, window, size int
		most                  float64 // DATA datagrams for each block of the file
	}{
		{0, 512, 1, 0, 1}, {0, 512, 1, 1, 1}, {0, 512, 1, 511, 1}, {0, 512, 1, 512, 1}, {0, 512, 1, 513, 1},
		{0, 1428, 16, 0, 1}, {0, 1428, 16, 16 * 1428, 1}, {0, 1428, 16, 100_000, 1},
		{0, 65464, 1, 65464, 1}, {0, 65464, 4, 400_000, 1}, {0, 8, 64, 10_000, 1},
		{.0001, 8, 64, 8*65_600 + 3, 1.1}, // block numbers wrap
		{.01, 512, 1, 100_000, 1.2}, {.01, 1428, 64, 300_000, 2}, {.01, 65464, 2, 400_000, 2},
		{.10, 512, 1, 0, 30}, {.10, 512, 1, 50_000, 1.5}, {.10, 1428, 2, 50_000, 2},
		{.10, 1428, 16, 100_000, 3}, {.10, 8, 64, 2_000, 4},
		{.30, 512, 1, 1, 40}, {.30, 512, 1, 20_000, 4}, {.30, 1428, 4, 50_000, 4},
		{.30, 512, 64, 30_000, 8}, {.30, 65464, 1, 300_000, 10},
	} {
		name := fmt.Sprintf("loss %v%% blksize %d windowsize %d size %d", 100*tt.loss, tt.blksize, tt.window, tt.size)
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{
					Loss: tt.loss, Duplicate: tt.loss / 2, Reorder: tt.loss, LateBy: 2 * time.Millisecond,
					Seed: uint64(tt.size + tt.window),
				}
				if tt.loss >= .01 {
					network.Delay = time.Millisecond
				}
				blocks := tt.size/tt.blksize + 1
				took, sent := lossyFetch(t, network, tt.size, &ch06.Client{BlockSize: tt.blksize, WindowSize: tt.window})
				t.Logf("%d blocks in %d datagrams, %v of fake time", blocks, sent, took)
				if float64(sent) > tt.most*float64(blocks) {
					t.Errorf("%d DATA datagrams for %d blocks, want at most %v times as many", sent, blocks, tt.most)
				}
			})
		})
	}
}

// What loss and reordering cost on a link of 1 ms each way, in time and in datagrams, beside
// the same link without. With a timer of one second each loss would cost as much as 500
// round trips. Blocks are small because the race detector is slow with large ones; the
// link takes as long for any.
func TestLossCostsLittle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		window, blocks int
		loss           float64
		reorder        float64 // these come 5 ms later
		slower, more   float64 // the most
	}{
		{1, 140, .01, 0, 2, 1.1}, {1, 140, .05, 0, 3, 1.2},
		{64, 740, .01, 0, 3, 1.5}, {64, 740, .05, 0, 6, 2},
		{8, 180, 0, .25, 5, 1.2},
	} {
		t.Run(fmt.Sprintf("window %d loss %v reorder %v", tt.window, tt.loss, tt.reorder), func(t *testing.T) {
			var base, slow time.Duration
			var few, many int
			for seed := range uint64(3) {
				for _, network := range []*packetnet.Network{
					{Delay: time.Millisecond},
					{Delay: time.Millisecond, Loss: tt.loss, Reorder: tt.reorder, LateBy: 5 * time.Millisecond, Seed: seed},
				} {
					synctest.Test(t, func(t *testing.T) {
						took, sent := lossyFetch(t, network, 16*tt.blocks, &ch06.Client{BlockSize: 16, WindowSize: tt.window})
						if network.LateBy == 0 {
							base, few = base+took, few+sent
						} else {
							slow, many = slow+took, many+sent
						}
					})
				}
			}
			slower, more := float64(slow)/float64(base), float64(many)/float64(few)
			t.Logf("%.1f times the time, %.2f times the datagrams", slower, more)
			if slower > tt.slower || more > tt.more {
				t.Errorf("%.1f times the time and %.2f times the datagrams, want at most %v and %v", slower, more, tt.slower, tt.more)
			}
		})
	}
}

// One datagram that is lost, or comes twice, makes at most one window travel again, and not
// all of the file.
func TestOneFault(t *testing.T) {
	t.Parallel()
	const blocks, size = 201, 16
	for _, tt := range []struct {
		name   string
		op     ch06.OpCode
		copies int // of that datagram which arrive
	}{
		{"DATA lost", ch06.OpData, 0},
		{"DATA twice", ch06.OpData, 2},
		{"ACK lost", ch06.OpAck, 0},
		{"ACK twice", ch06.OpAck, 2},
	} {
		for _, window := range []int{1, 4, 64} {
			for _, number := range []int{1, 3, 5, 64, blocks} {
				synctest.Test(t, func(t *testing.T) {
					count := 0
					network := &packetnet.Network{Delay: time.Millisecond}
					network.Fault = func(d packetnet.Datagram) (int, time.Duration) {
						if d.Payload[1] == byte(tt.op) {
							if count++; count == number {
								return tt.copies, 0
							}
						}
						return 1, 0
					}
					took, got := lossyFetch(t, network, (blocks-1)*size, &ch06.Client{BlockSize: size, WindowSize: window})
					if most := blocks + window; got > most {
						t.Errorf("window %d, %s, number %d: %d DATA for %d blocks, want at most %d", window, tt.name, number, got, blocks, most)
					}
					if most := time.Duration(blocks/window+3)*2*time.Millisecond + 50*time.Millisecond; took > most {
						t.Errorf("window %d, %s, number %d: took %v, want at most %v", window, tt.name, number, took, most)
					}
				})
			}
		}
	}
}

// lossyFetch has client fetch a file of size bytes, in a bubble. It returns how long that
// took, and how many DATA datagrams were sent.
func lossyFetch(t *testing.T, network *packetnet.Network, size int, client *ch06.Client) (took time.Duration, data int) {
	t.Helper()
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{6}).Read(content) // never fails
	server := &ch06.Server{
		FS:           fstest.MapFS{"file": &fstest.MapFile{Data: content, Mode: 0o444}},
		Patience:     10 * time.Minute,
		ListenPacket: network.ListenPacket,
	}
	conn := network.MustListen(t, "192.0.2.1:69")
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()

	client.Patience, client.ListenPacket = 10*time.Minute, network.ListenPacket
	var got bytes.Buffer
	start := time.Now()
	n, err := client.Get(t.Context(), "192.0.2.1:69", "file", &got)
	took = time.Since(start)
	if err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("Get = %d bytes, %v, want the file's %d bytes", n, err, size)
	}
	client.Wait()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
		t.Errorf("Serve error = %v, want ErrServerClosed", err)
	}
	if n := network.Open(); n != 0 {
		t.Errorf("%d sockets are open, want none", n)
	}
	for _, d := range network.Log() {
		if d.Payload[1] == byte(ch06.OpData) {
			data++
		}
	}
	return took, data
}
