// Package blocks opens the sockets of package fastudp for tests, on Linux.
package blocks

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// Conn is what fastudp.ListenPacket opens on Linux.
type Conn interface {
	net.PacketConn
	syscall.Conn
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	WriteBlocks(b []byte, size int, to netip.AddrPort) error
	ReadBlocks(b []byte) (n, size int, from netip.AddrPort, err error)
}

// Open opens a socket by listen, which is fastudp.ListenPacket, and returns the address that
// reaches it on loopback.
func Open(t testing.TB, listen func(network, address string) (net.PacketConn, error), network, host string) (Conn, netip.AddrPort) {
	t.Helper()
	conn, err := listen(network, net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no %s here: %v", host, err)
	}
	t.Cleanup(func() { conn.Close() })
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if addr.Addr().IsUnspecified() { // reached by IPv4
		return conn.(Conn), netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	}
	return conn.(Conn), netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// Join makes a first call of ReadBlocks, with which the kernel begins to join datagrams.
func Join(t testing.TB, c Conn) {
	t.Helper()
	// While it waits, as package net then returns -1.
	c.SetReadDeadline(time.Now().Add(time.Millisecond)) // cannot fail: c is open
	n, size, from, err := c.ReadBlocks(make([]byte, 64<<10))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n != 0 || size != 0 || from.IsValid() {
		t.Fatalf("ReadBlocks after its deadline = %d, %d, %v, %v, want zeros, os.ErrDeadlineExceeded", n, size, from, err)
	}
}

// Supported reports whether this kernel can split writes and join reads.
func Supported(t testing.TB) bool {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var split, join error
	raw.Control(func(fd uintptr) { // cannot fail: conn is open
		_, split = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_UDP, 103) // UDP_SEGMENT
		join = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_UDP, 104, 1)  // UDP_GRO
	})
	if split != nil || join != nil {
		t.Logf("UDP_SEGMENT: %v, UDP_GRO: %v: one call for each datagram", split, join)
	}
	return split == nil && join == nil
}
