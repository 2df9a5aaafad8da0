//go:build !linux

package ch06

import "net/netip"

// Copy with: lockstep_linux.go, lockstep_other.go, offload_linux.go, link.go, types.go.

// offload reads and writes the datagrams of a transfer one by one; on Linux it does more.
type offload struct{ conn datagramConn }

func (o *offload) receiveBuffer(size int) int {
	if sized, ok := o.conn.(interface{ SetReadBuffer(int) error }); ok {
		sized.SetReadBuffer(min(size, 4<<20)) // where it is refused, a lost block comes again
	}
	return size
}

func (*offload) cutWrites(int) {}

func (*offload) joinReads(size int) int { return size }

func (o *offload) write(blocks []byte, size int, to netip.AddrPort) error {
	return writeEach(o.conn, blocks, size, to)
}

func (o *offload) read(b []byte) (n, size int, from netip.AddrPort, err error) {
	n, from, err = o.conn.ReadFromUDPAddrPort(b)
	return n, n, from, err
}
