package ch04_test

import (
	"context"
	"io"
	"net"
	"testing"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/splice"
)

// proxyBenchWays are the ways to copy.
var proxyBenchWays = []struct {
	name string
	p    ch04.Proxy
}{
	{"plain", ch04.Proxy{}},
	{"io.Copy", ch04.Proxy{Copy: func(dst, src net.Conn) error {
		_, err := io.Copy(dst, src)
		return err
	}}},
	{"splice", ch04.Proxy{Copy: new(splice.Copier).Copy}},
}

// BenchmarkProxy moves 1 MiB per operation, as fast as the receiver takes it.
func BenchmarkProxy(b *testing.B) {
	for _, way := range proxyBenchWays {
		b.Run(way.name, func(b *testing.B) {
			client, c := conns.TCPPair(b)
			s, server := conns.TCPPair(b)
			done := make(chan error, 1)
			ctx, cancel := context.WithCancel(b.Context())
			go func() { done <- way.p.Run(ctx, c, s) }()
			go func() {
				chunk := make([]byte, 128<<10)
				for {
					if _, err := client.Write(chunk); err != nil {
						return // the benchmark is over
					}
				}
			}()
			buf := make([]byte, 1<<20)
			b.ReportAllocs()
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				if _, err := io.ReadFull(server, buf); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			cancel()
			<-done // an error by design: the stream was cut
		})
	}
}

// BenchmarkProxyRoundTrip sends one byte through and gets one back.
func BenchmarkProxyRoundTrip(b *testing.B) {
	for _, way := range proxyBenchWays {
		b.Run(way.name, func(b *testing.B) {
			client, c := conns.TCPPair(b)
			s, server := conns.TCPPair(b)
			done := make(chan error, 1)
			ctx, cancel := context.WithCancel(b.Context())
			go func() { done <- way.p.Run(ctx, c, s) }()
			go io.Copy(struct{ io.Writer }{server}, server) // echo, until the end
			buf := make([]byte, 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(client, buf); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			cancel()
			<-done // an error by design: the stream was cut
		})
	}
}

// BenchmarkProxyConnect makes a connection, sends a byte each way and closes it:
// directly and through each way. What a proxy adds is a second handshake and its setup.
func BenchmarkProxyConnect(b *testing.B) {
	serve := func(b *testing.B, handle func(c net.Conn)) string {
		b.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return // the benchmark is over
				}
				go handle(c)
			}
		}()
		return l.Addr().String()
	}
	connect := func(b *testing.B, addr string) {
		buf := make([]byte, 1)
		b.ReportAllocs()
		for b.Loop() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			c.Write(buf)                  // a failure shows in the read
			c.(*net.TCPConn).CloseWrite() // a failure here, too
			if got, err := io.ReadAll(c); err != nil || len(got) != 1 {
				b.Fatalf("read %q, %v", got, err)
			}
			c.(*net.TCPConn).SetLinger(0) // both have ended: leave no TIME-WAIT
			c.Close()
		}
	}
	echo := func(c net.Conn) {
		io.Copy(struct{ io.Writer }{c}, c) // until the client goes
		c.Close()
	}
	b.Run("direct", func(b *testing.B) { connect(b, serve(b, echo)) })
	for _, way := range proxyBenchWays {
		b.Run(way.name, func(b *testing.B) {
			to := serve(b, echo)
			connect(b, serve(b, func(client net.Conn) {
				server, err := net.Dial("tcp", to)
				if err != nil {
					client.Close() // the client's read fails
					return
				}
				way.p.Run(b.Context(), client, server) // nil: both ends close in order
			}))
		})
	}
}
