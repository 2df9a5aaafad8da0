package ch05

import "net/netip"

// MaxPayload returns the largest payload, in bytes, that a UDP datagram can carry over a
// link of this MTU without fragments. It is the MTU less 20 bytes of IPv4 header (RFC 791,
// no options) or 40 of IPv6 header (RFC 8200, no extensions), and 8 of UDP header
// (RFC 768): 1,472 or 1,452 for Ethernet's 1,500. It is never negative and never more
// than 65,507 or 65,527. An IPv4 address mapped to IPv6 counts as IPv4.
//
// The smallest MTU of a path counts, and no single link shows it: tunnels and PPPoE take
// 8 to 80 bytes. A larger datagram travels in fragments and is lost if one of them is.
// If the path is unknown use 1,232 bytes over IPv6, whose links carry at least 1,280.
func MaxPayload(mtu int, to netip.Addr) int {
	const udpHeader = 8
	ipHeader, most := 40, 65535-udpHeader // IPv6's length excludes its header
	if to.Unmap().Is4() {
		ipHeader, most = 20, 65535-20-udpHeader
	}
	return max(0, min(max(mtu, 0)-ipHeader-udpHeader, most))
}
