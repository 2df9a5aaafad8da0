//go:build !linux

package ch06

import "net/netip"

// Copy with: arrival_linux.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go, link.go, types.go.

// arrival reads from a listening socket; that it is bound to one address, or to a machine
// with one, is up to the caller here: the answer's source is the system's choice.
type arrival struct{ conn datagramConn }

func newArrival(conn datagramConn) *arrival { return &arrival{conn} }

func (a *arrival) read(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error) {
	n, from, err = a.conn.ReadFromUDPAddrPort(b)
	return n, from, local, err
}

func (a *arrival) reply(b []byte, to netip.AddrPort) {
	a.conn.WriteToUDPAddrPort(b, to) // a courtesy: the client's timer covers its loss
}
