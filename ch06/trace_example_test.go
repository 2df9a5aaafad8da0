package ch06_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"network-programming-with-go/ch06"
)

// The trace of a transfer with windows of four blocks that loses block 7. Since an example
// has no fake clock, the socket plays a server that responds at once.
func ExampleDescribe() {
	client := &ch06.Client{
		BlockSize: 1000, WindowSize: 4,
		ListenPacket: func(string, string) (net.PacketConn, error) { return &traceSocket{}, nil },
		Trace: func(sent bool, _ netip.AddrPort, packet []byte) {
			arrow := "<-"
			if sent {
				arrow = "->"
			}
			fmt.Println(arrow, ch06.Describe(packet))
		},
	}
	n, err := client.Get(context.Background(), "192.0.2.1", "file", io.Discard)
	client.Wait()
	fmt.Println("Get returns", n, "bytes and the error", err)
	// Output:
	// -> RRQ "file" octet tsize=0 blksize=1000 windowsize=4
	// <- OACK tsize=9500 blksize=1000 windowsize=4
	// -> ACK 0
	// <- DATA 1 (1000 bytes)
	// <- DATA 2 (1000 bytes)
	// <- DATA 3 (1000 bytes)
	// <- DATA 4 (1000 bytes)
	// -> ACK 4
	// <- DATA 5 (1000 bytes)
	// <- DATA 6 (1000 bytes)
	// <- DATA 8 (1000 bytes)
	// -> ACK 6
	// <- DATA 7 (1000 bytes)
	// <- DATA 8 (1000 bytes)
	// <- DATA 9 (1000 bytes)
	// <- DATA 10 (500 bytes)
	// -> ACK 10
	// Get returns 9500 bytes and the error <nil>
}

// traceSocket is a client's socket. What is written to it has its responses at once: those
// of a server that sends windows of four blocks and whose block 7 is lost once.
type traceSocket struct {
	net.PacketConn
	lost     bool
	ended    bool // the last ACK was sent
	queue    []string
	deadline time.Time
}

func (s *traceSocket) WriteTo(b []byte, _ net.Addr) (int, error) {
	if b[1] == byte(ch06.OpRRQ) {
		s.queue = append(s.queue, "\x00\x06tsize\x009500\x00blksize\x001000\x00windowsize\x004\x00")
		return len(b), nil
	}
	acked := b[3]
	s.ended = acked == 10
	for block := acked + 1; block <= min(acked+4, 10); block++ {
		size := 1000
		switch {
		case block == 10:
			size = 500
		case block == 7 && !s.lost:
			s.lost = true
			continue
		}
		s.queue = append(s.queue, "\x00\x03\x00"+string(rune(block))+strings.Repeat("x", size))
	}
	return len(b), nil
}

func (s *traceSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	if len(s.queue) == 0 {
		if s.ended {
			return 0, nil, net.ErrClosed
		}
		<-time.After(time.Until(s.deadline)) // microseconds: a quarter of the round trip
		return 0, nil, os.ErrDeadlineExceeded
	}
	n := copy(b, s.queue[0])
	s.queue = s.queue[1:]
	return n, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2000}, nil
}

func (s *traceSocket) SetReadDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *traceSocket) Close() error { return nil }
