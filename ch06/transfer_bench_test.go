package ch06_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/fastudp"
)

// BenchmarkTransfer fetches a file with blocks and windows of several sizes, over the sockets
// that the commands use: what counts is how often the two sides wait for each other.
func BenchmarkTransfer(b *testing.B) {
	content := make([]byte, 4<<20)
	addr := transferBenchServer(b, &ch06.Server{Payload: content, ListenPacket: fastudp.ListenPacket})
	for _, size := range []struct{ block, window int }{{512, 1}, {1428, 1}, {1428, 16}, {1428, 64}, {65464, 1}} {
		b.Run(fmt.Sprintf("%d/%d", size.block, size.window), func(b *testing.B) {
			client := &ch06.Client{BlockSize: size.block, WindowSize: size.window, ListenPacket: fastudp.ListenPacket}
			b.ReportAllocs()
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if n, err := client.Get(b.Context(), addr, "f", io.Discard); err != nil || n != int64(len(content)) {
					b.Fatal(n, err)
				}
			}
			client.Wait()
		})
	}
}

// BenchmarkManyClients has a hundred clients fetch 1 MiB each at once: bytes count all of
// them, to be compared with one client's at 1428/16 above.
func BenchmarkManyClients(b *testing.B) {
	const clients = 100
	content := make([]byte, 1<<20)
	addr := transferBenchServer(b, &ch06.Server{Payload: content})
	b.SetBytes(clients * int64(len(content)))
	for b.Loop() {
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				client := &ch06.Client{WindowSize: 16}
				if n, err := client.Get(b.Context(), addr, "f", io.Discard); err != nil || n != int64(len(content)) {
					b.Error(n, err)
				}
				client.Wait()
			})
		}
		wg.Wait()
	}
}

// A transfer's allocations do not grow with the file over fastudp's sockets: nothing is
// allocated for a block. Plain ones allocate an address for each datagram that they read.
func TestTransferAllocations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		listen func(network, address string) (net.PacketConn, error)
		most   float64 // for each block
	}{{"fastudp", fastudp.ListenPacket, 0.1}, {"plain", nil, 4}} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "fastudp" && runtime.GOOS != "linux" {
				t.Skip("fastudp's sockets are plain ones on this system")
			}
			var count [2]float64
			sizes := [2]int{100 << 10, 1 << 20}
			for i, size := range sizes {
				addr := transferBenchServer(t, &ch06.Server{Payload: make([]byte, size), ListenPacket: tt.listen})
				client := &ch06.Client{WindowSize: 16, ListenPacket: tt.listen}
				count[i] = testing.AllocsPerRun(3, func() {
					if n, err := client.Get(t.Context(), addr, "f", io.Discard); err != nil || n != int64(size) {
						t.Error(n, err)
					}
				})
				client.Wait()
			}
			t.Logf("both sides of a transfer allocate %v times for 100 KiB, %v times for 1 MiB", count[0], count[1])
			if each := (count[1] - count[0]) / float64((sizes[1]-sizes[0])/1428); each > tt.most {
				t.Errorf("each block takes %.2f allocations, want at most %v", each, tt.most)
			}
		})
	}
}

func transferBenchServer(tb testing.TB, server *ch06.Server) string {
	tb.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	tb.Cleanup(func() {
		server.Close() // always nil
		<-served
	})
	return conn.LocalAddr().String()
}
