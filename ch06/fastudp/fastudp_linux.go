package fastudp

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Copy with: request_linux.go.

// From linux/udp.h and udp(7).
const (
	udpSegment  = 103          // UDP_SEGMENT (GSO): split one write, since Linux 4.18
	udpGRO      = 104          // UDP_GRO: join datagrams for one read, since Linux 5.0
	maxSegments = 64           // datagrams in one write
	maxWrite    = 64<<10 - 100 // bytes in one write: devices take 64 KiB with all headers
	minRead     = 64 << 10     // what one read of joined datagrams may need
)

// blockConn is the socket of one transfer.
type blockConn struct {
	*net.UDPConn
	gso        bool   // the kernel splits writes
	asked      bool   // for GRO
	splitAt    []byte // control message for writes: the size of the datagrams
	joinedFrom []byte // control message from reads: the size of the datagrams
}

func listenPacket(network, address string) (net.PacketConn, error) {
	var gso bool
	conn, err := listenWith(network, address, func(fd int) {
		// A kernel without GSO would send a window as one datagram, so ask first.
		_, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_UDP, udpSegment)
		gso = err == nil
		// No DF bit. IPv6 needs no counterpart: its routers never fragment, its senders do.
		setsockopt(fd, syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, syscall.IP_PMTUDISC_DONT)
	})
	udp, ok := conn.(*net.UDPConn)
	if err != nil || !ok {
		return conn, err
	}
	return &blockConn{
		UDPConn:    udp,
		gso:        gso,
		splitAt:    controlMessage(syscall.IPPROTO_UDP, udpSegment, make([]byte, 2)),
		joinedFrom: make([]byte, syscall.CmsgSpace(4)),
	}, nil
}

// WriteBlocks sends datagrams of size bytes each, the last perhaps shorter. After an error,
// some may have been sent. None is sent twice.
func (c *blockConn) WriteBlocks(b []byte, size int, to netip.AddrPort) error {
	if size < 1 {
		return fmt.Errorf("fastudp: datagrams of %d bytes, want at least 1", size)
	}
	var refused error
	perCall := min(maxSegments, maxWrite/size)
	for c.gso && refused == nil && perCall > 1 && len(b) > size {
		run := b[:min(len(b), perCall*size)]
		binary.NativeEndian.PutUint16(c.splitAt[syscall.CmsgLen(0):], uint16(size))
		if _, _, refused = c.WriteMsgUDPAddrPort(run, c.splitAt, to); refused == nil {
			b = b[len(run):]
		}
	}
	var failed error
	for len(b) > 0 {
		n := min(size, len(b))
		if _, err := c.WriteToUDPAddrPort(b[:n], to); err != nil {
			failed = err // the others may still pass
		}
		b = b[n:]
	}
	if refused != nil && failed == nil {
		// The kernel refused GSO, not the datagrams: EINVAL or EMSGSIZE if they exceed the
		// MTU, EIO without checksum offload, EPERM in a sandbox. Such reasons stay.
		c.gso = false
	}
	return failed
}

// ReadBlocks reads one datagram, or several from one sender that the kernel joined: each of
// size bytes, the last perhaps shorter. Joining starts with the first b of at least 64 KiB.
// After that, read only with ReadBlocks and such a b: joined datagrams that do not fit into
// a shorter one are lost. A single datagram is truncated, as with ReadFrom.
func (c *blockConn) ReadBlocks(b []byte) (n, size int, from netip.AddrPort, err error) {
	if !c.asked && len(b) >= minRead {
		c.asked = true
		if raw, err := c.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { // fails only if c is closed: the read says so
				growReadBuffer(int(fd))
				setsockopt(int(fd), syscall.IPPROTO_UDP, udpGRO, 1)
			})
		}
	}
	if !c.asked { // the plain call takes less time
		n, from, err = c.ReadFromUDPAddrPort(b)
		return max(n, 0), max(n, 0), netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, oobn, flags, from, err := c.ReadMsgUDPAddrPort(b, c.joinedFrom)
	if err != nil {
		return 0, 0, netip.AddrPort{}, err // n may be -1
	}
	size = n
	// GRO is the only control message that this socket asks for.
	if data := syscall.CmsgLen(0); oobn >= data+4 {
		size = min(n, int(binary.NativeEndian.Uint32(c.joinedFrom[data:])))
	}
	if flags&syscall.MSG_TRUNC != 0 && size > 0 {
		n -= n % size // a part of a datagram would pass for a short one
	}
	return n, size, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
}
