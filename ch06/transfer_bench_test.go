package ch06_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"network-programming-with-go/ch06"
)

// BenchmarkTransfer fetches a file with blocks and windows of several sizes: what counts is
// how often the two sides wait for each other.
func BenchmarkTransfer(b *testing.B) {
	content := make([]byte, 4<<20)
	addr := transferBenchServer(b, content)
	for _, size := range []struct{ block, window int }{{512, 1}, {1428, 1}, {1428, 16}, {1428, 64}, {65464, 1}} {
		b.Run(fmt.Sprintf("%d/%d", size.block, size.window), func(b *testing.B) {
			client := &ch06.Client{BlockSize: size.block, WindowSize: size.window}
			b.ReportAllocs()
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if n, err := client.Get(b.Context(), addr, "f", io.Discard); err != nil || n != int64(len(content)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkManyClients has a hundred clients fetch 1 MiB each at once: bytes count all of
// them, to be compared with one client's at 1428/16 above.
func BenchmarkManyClients(b *testing.B) {
	const clients = 100
	content := make([]byte, 1<<20)
	addr := transferBenchServer(b, content)
	b.SetBytes(clients * int64(len(content)))
	for b.Loop() {
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				client := &ch06.Client{WindowSize: 16, Retries: 10}
				if n, err := client.Get(b.Context(), addr, "f", io.Discard); err != nil || n != int64(len(content)) {
					b.Error(n, err)
				}
			})
		}
		wg.Wait()
	}
}

// A transfer's allocations do not grow with the file: nothing is allocated for a window.
func TestTransferAllocations(t *testing.T) {
	var count [2]float64
	for i, size := range []int{100 << 10, 2 << 20} {
		addr := transferBenchServer(t, make([]byte, size))
		client := &ch06.Client{WindowSize: 16}
		count[i] = testing.AllocsPerRun(5, func() {
			if n, err := client.Get(t.Context(), addr, "f", io.Discard); err != nil || n != int64(size) {
				t.Error(n, err)
			}
		})
	}
	t.Logf("both sides of a transfer allocate %v times for 100 KiB, %v times for 2 MiB", count[0], count[1])
	if count[1] > count[0]+20 { // the runtime's own, now and then
		t.Errorf("20 times the bytes take %v allocations in place of %v", count[1], count[0])
	}
}

func transferBenchServer(tb testing.TB, content []byte) string {
	tb.Helper()
	server := &ch06.Server{Payload: content}
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
