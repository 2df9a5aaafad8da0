package ch05

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// MaxDatagram is the largest payload of a UDP datagram over IPv4, in bytes: 65,535 that
// the 16-bit total length of an IP packet can say (RFC 791, section 3.1), less 20 of IP
// header and 8 of UDP header (RFC 768). Over IPv6, whose length does not count the IP
// header, it is 65,527.
const MaxDatagram = 65535 - 20 - 8 // 65,507

const (
	echoBuffer   = 1 << 16 // 64 KiB: more than any datagram, so none is cut short
	echoMinPause = 5 * time.Millisecond
	echoMaxPause = time.Second
)

// EchoServerUDP sends each datagram that arrives at addr, such as "127.0.0.1:0", back to
// its sender until ctx ends. It returns the address it is bound to as soon as datagrams
// are queued for it; the error is that of net.ListenConfig.ListenPacket.
//
// The server runs in a goroutine that ends, and closes its socket, soon after ctx ends,
// or at once if ctx had ended before. To wait for that, bind a socket and run EchoUDP.
//
// On a machine with several addresses name one of them: bound to all, as by ":7", the
// server answers from the address that routing picks. A client that asked at another one
// and checks the sender, as a connected socket does, drops that answer.
func EchoServerUDP(ctx context.Context, addr string) (net.Addr, error) {
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	go EchoUDP(ctx, conn.(*net.UDPConn)) // returns no error: only ctx closes conn
	return conn.LocalAddr(), nil
}

// EchoConn is what EchoUDP needs of a *net.UDPConn.
type EchoConn interface {
	ReadFromUDPAddrPort(p []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(p []byte, to netip.AddrPort) (n int, err error)
	Close() error
}

// EchoUDP sends each datagram that arrives at conn, an unconnected socket, back to its
// sender. It owns conn and has closed it when it returns. It returns nil when ctx has
// ended, and an error with errors.Is(err, net.ErrClosed) if somebody else closed conn.
//
// Nothing that strangers send ends it: not a datagram of 0 bytes or of the largest size,
// nor what the system reports for their sake, such as ECONNREFUSED or, on Windows,
// WSAECONNRESET after an answer to a port that has gone. An answer that cannot be sent
// is dropped, as UDP may drop any datagram. Reads that fail several times in a row are
// tried again after a pause, of 5 ms, doubled up to 1 s.
//
// One buffer serves all datagrams, one at a time: none allocates anything.
//
// An echo server (RFC 862) answers whoever a datagram claims to be from. On a public
// network strangers use that to send traffic to others, or to set two such servers at
// each other for ever: bind it to loopback or a network of your own.
func EchoUDP(ctx context.Context, conn EchoConn) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.Close() // unblocks the read, or a write to a full send queue
		close(closed)
	})
	defer func() {
		if stop() {
			conn.Close() // ended for another reason than ctx
			return
		}
		<-closed
	}()

	buf := make([]byte, echoBuffer)
	for failures := 0; ; {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("echo: %w", err)
		case err != nil:
			// It was about one datagram. If not, do not burn a core over it.
			if failures++; failures > 1 {
				pause := min(echoMinPause<<min(failures-2, 10), echoMaxPause)
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		default:
			failures = 0
			conn.WriteToUDPAddrPort(buf[:n], from) // dropped if it fails: this is UDP
		}
	}
}
