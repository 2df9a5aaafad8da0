package ch05

import "net/netip"

// MaxPayload returns the largest payload, in bytes, of a UDP datagram to an address that
// fits a link's MTU in one piece: the MTU less 20 bytes of IPv4 header (RFC 791, no
// options) or 40 of IPv6 header (RFC 8200, no extensions), and 8 of UDP header
// (RFC 768). That is 1,472 and 1,452 on Ethernet, whose MTU is 1,500, and never more than
// the 65,507 or 65,527 that the length fields of IP can say. It is 0 if the MTU has no
// room for a payload. An IPv4 address mapped to IPv6 counts as IPv4.
//
// The MTU that matters is the smallest on the path, which no one link can tell: tunnels
// and PPPoE take 8 to 80 bytes of the 1,500. A datagram above it travels in fragments
// and is lost with each of them. Where the path is not known, 1,232 bytes are safe
// over IPv6: every link takes packets of 1,280 (RFC 8200, section 5).
func MaxPayload(mtu int, to netip.Addr) int {
	const udpHeader = 8
	ipHeader, most := 40, 65535-udpHeader // IPv6's length leaves out its own header
	if to.Unmap().Is4() {
		ipHeader, most = 20, 65535-20-udpHeader
	}
	return max(0, min(max(mtu, 0)-ipHeader-udpHeader, most))
}
