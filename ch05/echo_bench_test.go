package ch05_test

import (
	"net"
	"testing"
	"time"

	"network-programming-with-go/ch05"
)

// The two ways to name the sender of a datagram: a net.Addr, allocated for each one, or a
// netip.AddrPort, which is a value. One goroutine plays both sides, so that the scheduler
// does not count.
func BenchmarkReadFromUDP(b *testing.B) {
	b.Run("ReadFrom-WriteTo", func(b *testing.B) {
		benchEchoUDP(b, func(server *net.UDPConn, p []byte) error {
			n, from, err := server.ReadFrom(p)
			if err != nil {
				return err
			}
			_, err = server.WriteTo(p[:n], from)
			return err
		})
	})
	b.Run("ReadFromUDPAddrPort-WriteToUDPAddrPort", func(b *testing.B) {
		benchEchoUDP(b, func(server *net.UDPConn, p []byte) error {
			n, from, err := server.ReadFromUDPAddrPort(p)
			if err != nil {
				return err
			}
			_, err = server.WriteToUDPAddrPort(p[:n], from)
			return err
		})
	})
}

func benchEchoUDP(b *testing.B, echoOne func(server *net.UDPConn, p []byte) error) {
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	deadline := time.Now().Add(time.Minute) // for a lost datagram
	if err := server.SetDeadline(deadline); err != nil {
		b.Fatal(err)
	}
	client := benchDialUDP(b, server.LocalAddr())
	p := make([]byte, 64)
	b.ReportAllocs()
	b.SetBytes(int64(2 * len(p))) // there and back
	for b.Loop() {
		if _, err := client.Write(p); err != nil {
			b.Fatal(err)
		}
		if err := echoOne(server, p); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(p); err != nil {
			b.Fatal(err)
		}
	}
}

// A round trip between two goroutines. Most of the time goes into waking them up.
func BenchmarkEchoServerUDP(b *testing.B) {
	addr, err := ch05.EchoServerUDP(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	client := benchDialUDP(b, addr)
	p := make([]byte, 64)
	b.ReportAllocs()
	b.SetBytes(2 * 64) // there and back
	for b.Loop() {
		if _, err := client.Write(p); err != nil {
			b.Fatal(err)
		}
		if _, err := client.Read(p); err != nil {
			b.Fatal(err)
		}
	}
}

func benchDialUDP(b *testing.B, addr net.Addr) net.Conn {
	b.Helper()
	client, err := net.Dial("udp", addr.String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	deadline := time.Now().Add(time.Minute) // for a lost datagram
	if err := client.SetDeadline(deadline); err != nil {
		b.Fatal(err)
	}
	return client
}
