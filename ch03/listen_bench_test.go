package ch03_test

import (
	"net"
	"testing"
)

// BenchmarkListen shows what connections cost: a new listener for each connection, a new
// connection to a listener, and one byte each way over an open connection.
func BenchmarkListen(b *testing.B) {
	b.Run("listen, dial, accept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l := listenBench(b)
			client, server := listenBenchConnect(b, l)
			listenBenchClose(b, client)
			server.Close() // reset already
			l.Close()
		}
	})
	b.Run("dial, accept", func(b *testing.B) {
		l := listenBench(b)
		defer l.Close()
		b.ReportAllocs()
		for b.Loop() {
			client, server := listenBenchConnect(b, l)
			listenBenchClose(b, client)
			server.Close() // reset already
		}
	})
	b.Run("round trip", func(b *testing.B) {
		l := listenBench(b)
		defer l.Close()
		client, server := listenBenchConnect(b, l)
		defer client.Close()
		defer server.Close()
		one := make([]byte, 1)
		steps := []func([]byte) (int, error){client.Write, server.Read, server.Write, client.Read}
		b.ReportAllocs()
		for b.Loop() {
			for _, step := range steps {
				if _, err := step(one); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func listenBench(b *testing.B) net.Listener {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// listenBenchConnect needs no goroutine: the kernel completes the handshake before
// Accept.
func listenBenchConnect(b *testing.B, l net.Listener) (client, server net.Conn) {
	b.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	return client, server
}

// listenBenchClose resets the connection: a close by FIN would keep its port for a minute
// (TIME_WAIT), and a benchmark would run out of ports.
func listenBenchClose(b *testing.B, client net.Conn) {
	b.Helper()
	if err := client.(*net.TCPConn).SetLinger(0); err != nil {
		b.Fatal(err)
	}
	client.Close() // sends the reset
}
