package ch07_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"network-programming-with-go/ch07"
)

// udpEchoStart runs ServePacketEcho on a loopback UDP socket until the test ends.
func udpEchoStart(t testing.TB) net.Addr {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- ch07.ServePacketEcho(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("ServePacketEcho = %v, want nil after its context ended", err)
		}
	})
	return c.LocalAddr()
}

// Whatever arrives goes back as it came, from nothing at all to the largest datagram.
func TestEchoServerUDP(t *testing.T) {
	addr := udpEchoStart(t)
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, ch07.EchoBufferSize)
	for _, size := range []int{0, 1, 1472, 9000, 65507} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := conn.Write(sent); err != nil {
			t.Logf("%d bytes: this system does not send that: %v", size, err)
			continue // macOS stops at 9,216 bytes unless told otherwise
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
		n, err := conn.Read(buf)
		if err != nil || !bytes.Equal(buf[:n], sent) {
			t.Fatalf("echo of %d bytes: %d bytes, %v", size, n, err)
		}
		t.Logf("%d bytes came back", n)
	}
}

// Three writes are three messages, whenever they are read.
func TestEchoServerUDPKeepsBoundaries(t *testing.T) {
	addr := udpEchoStart(t)
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		if _, err := conn.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 1024)
	for i := range 3 {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "ping" {
			t.Errorf("read %d = %q, %v, want \"ping\"", i, buf[:n], err)
		}
	}
}

func TestDatagramEchoServerErrors(t *testing.T) {
	if _, err := ch07.DatagramEchoServer(t.Context(), "tcp", "127.0.0.1:0"); err == nil {
		t.Error("DatagramEchoServer(tcp) succeeded")
	}
	_, err := ch07.DatagramEchoServer(t.Context(), "carrier-pigeon", "")
	if _, ok := errors.AsType[net.UnknownNetworkError](err); !ok {
		t.Errorf("DatagramEchoServer(carrier-pigeon) = %v, want net.UnknownNetworkError", err)
	}
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := ch07.ServePacketEcho(t.Context(), c); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ServePacketEcho on a closed socket = %v, want net.ErrClosed", err)
	}
}
