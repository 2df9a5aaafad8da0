// Package fastudp opens UDP sockets that move several datagrams per system call, and
// sockets that report the local address of each request. Both need Linux. On other systems
// they are the sockets of package net.
//
// A program gets them through a field that is otherwise net.ListenPacket, and finds the
// additional methods with a type assertion, as io.Copy finds io.WriterTo.
package fastudp

import "net"

// Copy with: fastudp_linux.go, fastudp_other.go, request_linux.go.

// ListenPacket opens a UDP socket for one transfer, as net.ListenPacket does. On Linux the
// socket has all methods of *net.UDPConn and two more, each for one goroutine at a time:
//
//	WriteBlocks(b []byte, size int, to netip.AddrPort) error
//	ReadBlocks(b []byte) (n, size int, from netip.AddrPort, err error)
//
// They send or receive datagrams of size bytes each, the last perhaps shorter, with one
// system call (GSO and GRO). If the kernel refuses, each datagram takes a call of its own.
// The DF bit is off: routers may fragment, as boot ROMs cannot adapt to a path's MTU.
func ListenPacket(network, address string) (net.PacketConn, error) {
	return listenPacket(network, address)
}

// Listen opens the listening socket of a server, as net.ListenPacket does, with a receive
// buffer of up to 4 MiB. On Linux it has all methods of *net.UDPConn and two more:
//
//	ReadRequest(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error)
//	Reply(b []byte, to netip.AddrPort, local netip.Addr) error
//
// A client ignores responses from another address than it asked, so a host with several
// addresses responds from local. The zero Addr means unknown, or the kernel's choice.
// ReadRequest skips broadcast and multicast (RFC 1123 section 4.2.3.5) and is for one
// goroutine at a time.
func Listen(network, address string) (net.PacketConn, error) {
	return listen(network, address)
}
