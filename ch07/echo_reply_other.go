//go:build !unix

package ch07

import "net"

// echoReplier returns a function that sends p to a client. Errors are not reported: they
// concern that client alone. There is no unixgram here, and UDP does not wait for peers.
func echoReplier(c net.PacketConn) func(p []byte, to net.Addr) {
	return func(p []byte, to net.Addr) { c.WriteTo(p, to) }
}
