//go:build !linux

package fastudp

import "net"

func listenPacket(network, address string) (net.PacketConn, error) {
	return net.ListenPacket(network, address)
}

func listen(network, address string) (net.PacketConn, error) {
	return net.ListenPacket(network, address)
}
