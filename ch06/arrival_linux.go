package ch06

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// Copy with: arrival_other.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go, link.go, types.go.

// arrival reads requests from a listening socket together with the local address that
// each was sent to, so that the answer comes from there, as RFC 1122 section 4.1.3.5 wants
// it: a client drops what another address of the same machine sends.
type arrival struct {
	conn    datagramConn
	udp     *net.UDPConn // nil: bound to one address, or no UDP socket
	control []byte
	last    []byte     // the part of control that came with the last request
	ours    netip.Addr // was last found to be an address of this machine
}

func newArrival(conn datagramConn) *arrival {
	a := &arrival{conn: conn}
	udp, ok := conn.(*net.UDPConn)
	if !ok || !udp.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
		return a
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return a
	}
	raw.Control(func(fd uintptr) { // fails only where udp is closed: read will say so
		err4 := syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1)
		err6 := syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO, 1)
		if err4 == nil || err6 == nil { // a socket for both families takes both
			a.udp, a.control = udp, make([]byte, 256)
		}
	})
	return a
}

// read returns the request, its sender, and the address to answer from, where it is
// known. Requests to a broadcast or multicast address are passed over, RFC 1123 4.2.3.5.
func (a *arrival) read(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error) {
	if a.udp == nil {
		n, from, err = a.conn.ReadFromUDPAddrPort(b)
		return n, from, local, err
	}
	for {
		n, oobn, _, from, err := a.udp.ReadMsgUDPAddrPort(b, a.control)
		a.last = a.control[:oobn]
		if data, ok := controlData(a.last, syscall.IPPROTO_IP, syscall.IP_PKTINFO); ok && len(data) >= 12 {
			// struct in_pktinfo: 4 bytes interface, local address, address in the header.
			local = netip.AddrFrom4([4]byte(data[8:12]))
		} else if data, ok := controlData(a.last, syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO); ok && len(data) >= 20 {
			// struct in6_pktinfo: address in the header, 4 bytes interface.
			local = netip.AddrFrom16([16]byte(data[:16])).Unmap()
			if local.Is6() && local.IsLinkLocalUnicast() {
				index := int(binary.NativeEndian.Uint32(data[16:]))
				if link, err := net.InterfaceByIndex(index); err == nil {
					local = local.WithZone(link.Name)
				}
			}
		}
		if err != nil || a.isOurs(local) {
			return n, from, local, err
		}
	}
}

// isOurs tells an address of this machine from one that others share.
func (a *arrival) isOurs(local netip.Addr) bool {
	switch {
	case local == a.ours:
		return true
	case local.IsMulticast():
		return false
	case local.Is6() || local.IsLoopback() && local != netip.AddrFrom4([4]byte{127, 255, 255, 255}):
		a.ours = local // IPv6 has no broadcast
		return true
	}
	all, err := net.InterfaceAddrs()
	for _, addr := range all {
		if network, ok := addr.(*net.IPNet); ok && network.IP.Equal(local.AsSlice()) {
			a.ours = local
			return true
		}
	}
	return err != nil // answer rather than not
}

// reply answers the sender of the last request without a transfer.
func (a *arrival) reply(b []byte, to netip.AddrPort) {
	if a.udp != nil {
		// The kernel takes the message that it gave: it names the address to send from.
		a.udp.WriteMsgUDPAddrPort(b, a.last, to) // a courtesy: the client's timer covers its loss
		return
	}
	a.conn.WriteToUDPAddrPort(b, to) // as above
}
