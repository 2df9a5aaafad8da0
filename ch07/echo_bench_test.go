package ch07_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"testing"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
)

// benchEchoStart serves network until the test ends and returns a client of it.
func benchEchoStart(b testing.TB, network string) net.Conn {
	b.Helper()
	dir := conns.SocketDir(b)
	addr := filepath.Join(dir, "server")
	if network == "tcp" || network == "udp" {
		addr = "127.0.0.1:0"
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	var server net.Addr
	switch network {
	case "unix", "unixpacket", "tcp":
		l, err := net.Listen(network, addr)
		if err != nil {
			cancel()
			b.Skipf("no %s here: %v", network, err)
		}
		server = l.Addr()
		go func() { result <- ch07.ServeEcho(ctx, l) }()
	default:
		c, err := net.ListenPacket(network, addr)
		if err != nil {
			cancel()
			b.Skipf("no %s here: %v", network, err)
		}
		server = c.LocalAddr()
		go func() { result <- ch07.ServePacketEcho(ctx, c) }()
	}
	b.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			b.Error(err)
		}
	})
	var dialer net.Dialer
	if network == "unixgram" { // without a name of its own a client gets no response
		dialer.LocalAddr = &net.UnixAddr{Name: filepath.Join(dir, "client"), Net: network}
	}
	conn, err := dialer.Dial(network, server.String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return conn
}

// What an echo allocates, client and server together: an address for each datagram, and
// nothing over a connection.
func TestEchoAllocations(t *testing.T) {
	for _, tt := range []struct {
		network string
		want    float64
	}{{"unix", 0}, {"unixpacket", 0}, {"tcp", 0}, {"unixgram", 4}, {"udp", 2}} {
		t.Run(tt.network, func(t *testing.T) {
			conn := benchEchoStart(t, tt.network)
			buf := make([]byte, 64)
			allocs := testing.AllocsPerRun(100, func() {
				if _, err := conn.Write(buf); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(conn, buf); err != nil {
					t.Fatal(err)
				}
			})
			if t.Logf("%v allocations", allocs); allocs > tt.want {
				t.Errorf("%v allocations, want at most %v", allocs, tt.want)
			}
		})
	}
}

// One message of 64 bytes there and back, then the next: latency, not throughput.
func BenchmarkEcho(b *testing.B) {
	for _, network := range []string{"unix", "unixgram", "unixpacket", "tcp", "udp"} {
		b.Run(network, func(b *testing.B) {
			conn := benchEchoStart(b, network)
			buf := make([]byte, 64)
			b.ReportAllocs()   // client and server together
			b.SetBytes(2 * 64) // both ways
			for b.Loop() {
				if _, err := conn.Write(buf); err != nil {
					b.Fatal(err)
				}
				// Right for messages, too: each fills the buffer with one read.
				if _, err := io.ReadFull(conn, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
