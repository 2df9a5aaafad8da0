package fastudp

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// requestConn is the listening socket of a server.
type requestConn struct {
	*net.UDPConn
	control []byte // control messages from reads: the local address
}

func listen(network, address string) (net.PacketConn, error) {
	conn, err := listenWith(network, address, func(fd int) {
		growReadBuffer(fd)
		// A socket for both families takes both options, others take one.
		setsockopt(fd, syscall.IPPROTO_IP, syscall.IP_PKTINFO, 1)
		setsockopt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_RECVPKTINFO, 1)
	})
	udp, ok := conn.(*net.UDPConn)
	if err != nil || !ok {
		return conn, err
	}
	space := syscall.CmsgSpace(syscall.SizeofInet4Pktinfo) + syscall.CmsgSpace(syscall.SizeofInet6Pktinfo)
	return &requestConn{udp, make([]byte, space)}, nil
}

// ReadRequest reads a datagram, and tells which address it was sent to.
func (c *requestConn) ReadRequest(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error) {
	for {
		n, oobn, _, from, err := c.ReadMsgUDPAddrPort(b, c.control)
		if err != nil {
			return 0, netip.AddrPort{}, netip.Addr{}, err // n may be -1
		}
		local, shared := destination(c.control[:oobn])
		if !shared {
			return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), local, nil
		}
	}
}

// destination returns the address that a datagram was sent to, and whether that is a
// broadcast or multicast address.
func destination(control []byte) (local netip.Addr, shared bool) {
	messages, _ := syscall.ParseSocketControlMessage(control) // what cannot be parsed is unknown
	for _, m := range messages {
		switch {
		case m.Header.Type == syscall.IP_PKTINFO && m.Header.Level == syscall.IPPROTO_IP && len(m.Data) >= 12:
			// struct in_pktinfo: 4 bytes interface, local address, address in the header.
			// The two differ if the latter is shared.
			local = netip.AddrFrom4([4]byte(m.Data[4:8]))
			return local, local != netip.AddrFrom4([4]byte(m.Data[8:12]))
		case m.Header.Type == syscall.IPV6_PKTINFO && m.Header.Level == syscall.IPPROTO_IPV6 && len(m.Data) >= 20:
			// struct in6_pktinfo: address in the header, 4 bytes interface.
			local = netip.AddrFrom16([16]byte(m.Data[:16])).Unmap()
			shared = local.IsMulticast()
			if local.Is6() && local.IsLinkLocalUnicast() {
				index := int(binary.NativeEndian.Uint32(m.Data[16:]))
				if link, err := net.InterfaceByIndex(index); err == nil {
					local = local.WithZone(link.Name)
				}
			}
		}
	}
	return local, shared
}

// Reply sends a datagram from the address local, or from one of the kernel's choice.
func (c *requestConn) Reply(b []byte, to netip.AddrPort, local netip.Addr) error {
	var control []byte
	switch local = local.Unmap(); {
	case local.Is4():
		data := make([]byte, syscall.SizeofInet4Pktinfo)
		copy(data[4:], local.AsSlice())
		control = controlMessage(syscall.IPPROTO_IP, syscall.IP_PKTINFO, data)
	case local.Is6():
		data := make([]byte, syscall.SizeofInet6Pktinfo)
		copy(data, local.AsSlice())
		if link, err := net.InterfaceByName(local.Zone()); err == nil { // link-local needs it
			binary.NativeEndian.PutUint32(data[16:], uint32(link.Index))
		}
		control = controlMessage(syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO, data)
	}
	_, _, err := c.WriteMsgUDPAddrPort(b, control, to)
	return err
}

// listenWith opens a socket, and calls set with its file descriptor before it is bound.
func listenWith(network, address string, set func(fd int)) (net.PacketConn, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { set(int(fd)) })
	}}
	return config.ListenPacket(context.Background(), network, address)
}

// setsockopt sets an option that the socket can do without, so its failure is ignored.
func setsockopt(fd, level, option, value int) { syscall.SetsockoptInt(fd, level, option, value) }

// growReadBuffer asks for 4 MiB: the kernel drops datagrams that find no room.
func growReadBuffer(fd int) {
	const want = 4 << 20
	if size, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF); err == nil && size < want {
		setsockopt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, want) // net.core.rmem_max is the limit
	}
}

// controlMessage makes a message that travels beside the data of a write, see cmsg(3).
func controlMessage(level, kind int32, data []byte) []byte {
	head := syscall.Cmsghdr{Level: level, Type: kind}
	head.SetLen(syscall.CmsgLen(len(data)))
	b, _ := binary.Append(nil, binary.NativeEndian, head) // cannot fail: its size is fixed
	b = append(b, data...)
	return append(b, make([]byte, syscall.CmsgSpace(len(data))-len(b))...)
}
