// Package fastudp opens UDP sockets that move several datagrams with one system call, or
// that know which local address a datagram was sent to. Linux can do both; on other systems
// the sockets are package net's own.
//
// The functions fit a field that is otherwise net.ListenPacket. What more the sockets can do
// is found by a type assertion, as io.Copy finds an io.WriterTo.
package fastudp

import "net"

// Copy with: fastudp_linux.go, fastudp_other.go, request_linux.go.

// ListenPacket opens a UDP socket for one transfer, as net.ListenPacket does. On Linux it
// is a *net.UDPConn with two more methods, each for one goroutine at a time:
//
//	WriteBlocks(b []byte, size int, to netip.AddrPort) error
//	ReadBlocks(b []byte) (n, size int, from netip.AddrPort, err error)
//
// Both move datagrams of size bytes each, the last perhaps shorter, and from one sender:
// the kernel splits (GSO) and joins (GRO) them. If it refuses, each takes a call of its own.
// Routers may fragment the datagrams, which boot ROMs need: they do not learn a path's MTU.
func ListenPacket(network, address string) (net.PacketConn, error) {
	return listenPacket(network, address)
}

// Listen opens the listening socket of a server, as net.ListenPacket does, so that a host
// with several addresses responds from the one that was asked: clients ignore the others.
// On Linux the socket has a receive buffer of 4 MiB, if net.core.rmem_max allows it, and is
// a *net.UDPConn with two more methods:
//
//	ReadRequest(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error)
//	Reply(b []byte, to netip.AddrPort, local netip.Addr) error
//
// The zero Addr stands for a local address that is unknown, or left to the kernel.
// ReadRequest ignores requests to broadcast and multicast addresses, as RFC 1123 section
// 4.2.3.5 recommends, and is for one goroutine at a time.
func Listen(network, address string) (net.PacketConn, error) {
	return listen(network, address)
}
