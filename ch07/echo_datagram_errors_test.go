package ch07_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch07"
)

// packetFake is a socket for a bubble: reads come from a list, then wait for a deadline.
type packetFake struct {
	net.PacketConn // nil: its other methods are not called
	reads          []error
	echoes         int
	last           time.Time     // of the last echo
	until          time.Time     // deadline of writes
	waits          time.Duration // of the last echo
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
	c.last, c.waits = time.Now(), time.Until(c.until)
	return 0, syscall.EPERM // dropped by a firewall: no reason to end
}

func (c *packetFake) SetWriteDeadline(t time.Time) error {
	c.until = t
	return nil
}

func (c *packetFake) SetReadDeadline(time.Time) error { close(c.over); return nil }
func (c *packetFake) LocalAddr() net.Addr             { return &net.UDPAddr{} }
func (c *packetFake) Close() error                    { c.closed = true; return nil }

// An error that concerns one client does not end the server. Errors of reads make it pause:
// 5 ms, doubled with each error in a row, at most 1 s. The end of the context ends a pause.
func TestServePacketEchoSurvivesErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reads  []error
		echoes int
		last   time.Duration // when the last echo was sent
	}{
		{"a good read between", []error{nil, syscall.ECONNREFUSED, nil, syscall.ENOMEM,
			syscall.ENOMEM, nil}, 3, 20 * time.Millisecond},
		{"many", append(slices.Repeat([]error{syscall.ENOMEM}, 10), nil), 1,
			3275 * time.Millisecond},
		{"for a minute", slices.Repeat([]error{syscall.ENOMEM}, 1000), 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			c := &packetFake{over: make(chan struct{}), reads: tt.reads, last: start}
			if err := ch07.ServePacketEcho(ctx, c); err != nil || !c.closed {
				t.Errorf("%s: ServePacketEcho = %v, closed %t, want nil, true", tt.name, err, c.closed)
			}
			if took := time.Since(start); took != time.Minute {
				t.Errorf("%s: ServePacketEcho ended after %v, want 1m0s", tt.name, took)
			}
			if got := c.last.Sub(start); c.echoes != tt.echoes || got != tt.last {
				t.Errorf("%s: %d echoes, the last after %v, want %d, %v",
					tt.name, c.echoes, got, tt.echoes, tt.last)
			}
			if c.echoes > 0 && c.waits != time.Second { // EchoWait
				t.Errorf("%s: timeout of a write = %v, want 1s", tt.name, c.waits)
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
	if addr, err := ch07.DatagramEchoServer(t.Context(), "udp", "127.0.0.1"); err == nil {
		t.Errorf("DatagramEchoServer without a port = %v, nil, want an error", addr)
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
