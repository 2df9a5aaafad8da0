package ch05

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// MaxDatagram is the largest payload of a UDP datagram over IPv4, in bytes: the 65,535 of
// an IP packet (RFC 791, section 3.1) less 20 of IP header and 8 of UDP header (RFC 768).
// Over IPv6, where the length excludes the IP header, it is 65,527.
const MaxDatagram = 65535 - 20 - 8 // 65,507

const (
	echoBuffer   = 1 << 16 // 64 KiB: no datagram is larger
	echoMinPause = 5 * time.Millisecond
	echoMaxPause = time.Second
)

// EchoServerUDP sends each datagram that arrives at addr, such as "127.0.0.1:0", back to
// its sender until ctx ends. It returns the bound address, at which datagrams are queued
// from then on. The error is that of net.ListenConfig.ListenPacket. The server runs in a
// goroutine that closes the socket when ctx ends. To wait for its end, use [EchoUDP].
//
// If the machine has several addresses, name one of them. A server bound to all, as by
// ":7", replies from the address that routing picks. A client with a connected socket
// does not get the reply if it sent to another address.
func EchoServerUDP(ctx context.Context, addr string) (net.Addr, error) {
	var config net.ListenConfig
	conn, err := config.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	go EchoUDP(ctx, conn.(*net.UDPConn)) // its error is nil: only ctx closes conn
	return conn.LocalAddr(), nil
}

// EchoConn is what [EchoUDP] needs of a *net.UDPConn.
type EchoConn interface {
	ReadFromUDPAddrPort(p []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(p []byte, to netip.AddrPort) (n int, err error)
	Close() error
}

// EchoUDP sends each datagram that arrives at conn, an unconnected socket, back to its
// sender. It owns conn and closes it. It returns nil when ctx ends, and an error that
// matches net.ErrClosed if something else closed conn. All datagrams share one buffer.
//
// Any other read error concerns one datagram and does not end the server. Neither does a
// reply that cannot be sent. If reads fail several times in a row, EchoUDP pauses before
// it reads again: 5 ms, doubled up to 1 s.
//
// An echo server (RFC 862) replies to the address that a datagram claims to be from. An
// attacker can use it to flood others, or make two servers send to each other forever:
// do not run it on a public network.
func EchoUDP(ctx context.Context, conn EchoConn) error {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		conn.Close() // unblocks the read, or a write to a full send queue
		close(closed)
	})
	defer func() {
		if stop() {
			conn.Close() // ctx has not ended
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
			// Probably the error of one datagram. If not, do not keep a core busy.
			if failures++; failures > 1 {
				pause := min(echoMinPause<<min(failures-2, 10), echoMaxPause)
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		default:
			failures = 0
			conn.WriteToUDPAddrPort(buf[:n], from) // error ignored: UDP may drop
		}
	}
}
