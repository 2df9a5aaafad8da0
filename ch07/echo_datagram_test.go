package ch07_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
)

// datagramStart runs ServePacketEcho on a loopback UDP socket until the test ends.
func datagramStart(t *testing.T) net.Addr {
	t.Helper()
	leak.Check(t)
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

// Each datagram goes back as it came, from an empty one to the largest.
func TestEchoServerUDP(t *testing.T) {
	addr := datagramStart(t)
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
			continue // macOS stops at 9,216 bytes by default
		}
		conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
		n, err := conn.Read(buf)
		if err != nil || !bytes.Equal(buf[:n], sent) {
			t.Fatalf("echo of %d bytes: %d bytes, %v", size, n, err)
		}
		t.Logf("%d bytes came back", n)
	}
}

// Three writes are three messages, even if they are read late.
func TestEchoServerUDPKeepsBoundaries(t *testing.T) {
	addr := datagramStart(t)
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

// The end of the context ends the server, which removes its socket file before it closes.
func TestDatagramEchoServer(t *testing.T) {
	leak.Check(t)
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			addr := "127.0.0.1:0"
			if network == "unixgram" {
				addr = filepath.Join(conns.CleanDir(t), "server")
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			bound, err := ch07.DatagramEchoServer(ctx, network, addr)
			if runtime.GOOS == "windows" && network == "unixgram" {
				t.Skip(err) // it has none
			} else if err != nil {
				t.Fatal(err)
			}
			if got := bound.Network(); got != network {
				t.Errorf("address of network %q, want %q", got, network)
			}
			cancel()
			if network == "udp" {
				return // leak.Check waits for the end
			}
			if bound.String() != addr {
				t.Errorf("address = %s, want %s", bound, addr)
			}
			for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
				if _, err := os.Lstat(addr); errors.Is(err, fs.ErrNotExist) {
					break
				}
				if time.Now().After(end) {
					t.Fatal("the socket file is still there 10 s after the end of the context")
				}
			}
		})
	}
}
