package ch05_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"network-programming-with-go/ch05"
)

// The same echo, from a client and back, with the two ways to name a datagram's sender.
func BenchmarkEchoUDP(b *testing.B) {
	for _, way := range []struct {
		name string
		echo func(ctx context.Context, conn *net.UDPConn)
	}{
		{"ReadFrom-WriteTo", echoByNetAddr},
		{"ReadFromUDPAddrPort-WriteToUDPAddrPort", func(ctx context.Context,
			conn *net.UDPConn) {
			ch05.EchoUDP(ctx, conn) // returns no error: conn is closed by ctx only
		}},
	} {
		for _, size := range []int{64, 8 << 10} { // 64 B, 8 KiB
			b.Run(fmt.Sprintf("%s/%dB", way.name, size), func(b *testing.B) {
				conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(b.Context())
				var server sync.WaitGroup
				defer server.Wait()
				defer cancel()
				server.Go(func() { way.echo(ctx, conn) })
				client, err := net.Dial("udp", conn.LocalAddr().String())
				if err != nil {
					b.Fatal(err)
				}
				defer client.Close()
				deadline := time.Now().Add(time.Minute) // for a lost datagram
				if err := client.SetDeadline(deadline); err != nil {
					b.Fatal(err)
				}
				p := make([]byte, size)
				b.ReportAllocs()
				b.SetBytes(int64(2 * size)) // there and back
				for b.Loop() {
					if _, err := client.Write(p); err != nil {
						b.Fatal(err)
					}
					if _, err := client.Read(p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// echoByNetAddr is the naive form: ReadFrom makes a *net.UDPAddr for each datagram.
func echoByNetAddr(ctx context.Context, conn *net.UDPConn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return // closed by ctx
		}
		if _, err := conn.WriteTo(buf[:n], from); err != nil {
			return // as above
		}
	}
}
