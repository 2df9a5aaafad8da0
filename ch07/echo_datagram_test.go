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
	"syscall"
	"testing"
	"testing/synctest"
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

// packetFake is a socket for a bubble: reads come from a list, then wait for a deadline.
type packetFake struct {
	net.PacketConn // nil: its other methods are not called
	reads          []error
	echoes         int
	last           time.Time // of the last echo
	waits          time.Duration
	over           chan struct{}
	closed         bool
}

func (c *packetFake) ReadFrom(p []byte) (int, net.Addr, error) {
	if len(c.reads) == 0 {
		<-c.over
		return 0, nil, os.ErrDeadlineExceeded
	}
	err := c.reads[0]
	c.reads = c.reads[1:]
	return copy(p, "hello"), c.LocalAddr(), err
}

func (c *packetFake) WriteTo(p []byte, to net.Addr) (int, error) {
	c.echoes++
	c.last = time.Now()
	return 0, syscall.EPERM // dropped by a firewall: no reason to end
}

func (c *packetFake) SetWriteDeadline(t time.Time) error { c.waits = time.Until(t); return nil }

func (c *packetFake) SetReadDeadline(time.Time) error { close(c.over); return nil }
func (c *packetFake) LocalAddr() net.Addr             { return &net.UDPAddr{} }
func (c *packetFake) Close() error                    { c.closed = true; return nil }

// An error that concerns one client does not end the server. Errors of reads make it pause,
// 5 ms and then 10 ms, and a good read starts that again.
func TestServePacketEchoSurvivesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		c := &packetFake{over: make(chan struct{}), reads: []error{nil, syscall.ECONNREFUSED,
			nil, syscall.ENOMEM, syscall.ENOMEM, nil}}
		if err := ch07.ServePacketEcho(ctx, c); err != nil {
			t.Errorf("ServePacketEcho = %v, want nil", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("ServePacketEcho ended after %v, want 1m0s", took)
		}
		if took, want := c.last.Sub(start), 20*time.Millisecond; c.echoes != 3 || took != want {
			t.Errorf("%d echoes within %v, want 3 within %v", c.echoes, took, want)
		}
		if !c.closed || c.waits != ch07.EchoWait {
			t.Errorf("closed %t, write timeout %v, want true, %v", c.closed, c.waits, ch07.EchoWait)
		}
	})
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
			if err != nil {
				t.Skip(err) // Windows has no unixgram
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

func TestDatagramEchoServerErrors(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "unixpacket", "ip4:icmp", "pigeon", ""} {
		_, err := ch07.DatagramEchoServer(t.Context(), network, "127.0.0.1:0")
		if _, ok := errors.AsType[net.UnknownNetworkError](err); !ok {
			t.Errorf("DatagramEchoServer(%q) = %v, want net.UnknownNetworkError", network, err)
		}
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
