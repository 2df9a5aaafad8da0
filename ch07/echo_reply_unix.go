//go:build unix

package ch07

import (
	"net"
	"syscall"
)

// echoReplier returns a function that sends p to a client without waiting for it. Errors
// are not reported: they concern that client alone, who may have sent from anywhere.
//
// On Linux a unixgram write waits while the queue of a receiver that is not connected is
// full (net.unix.max_dgram_qlen, often 10 messages), and is not even woken when room
// appears. One try by sendto(2) on Go's non-blocking socket avoids that wait.
// A short write deadline would not do: a deadline that has passed, which a busy machine
// can bring about, means that nothing is tried at all.
func echoReplier(c net.PacketConn) func(p []byte, to net.Addr) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return func(p []byte, to net.Addr) { c.WriteTo(p, to) }
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return func([]byte, net.Addr) {} // c is closed: the next read says so
	}
	return func(p []byte, to net.Addr) {
		addr, ok := to.(*net.UnixAddr)
		if !ok {
			return // a client that has bound no name
		}
		raw.Write(func(fd uintptr) bool {
			syscall.Sendto(int(fd), p, 0, &syscall.SockaddrUnix{Name: addr.Name})
			return true // done, whatever came of it
		})
	}
}
