package ch07

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Copy with: echo.go, echo_reply_unix.go, echo_reply_other.go.

// DatagramEchoServer is [StreamingEchoServer] for networks without connections: "unixgram",
// "udp", "udp4" and "udp6". The blocking form to wait for is [ServePacketEcho].
//
// A unixgram client gets an answer only if it has bound a path of its own, to which the
// server may write, and must remove that file itself: closing the socket does not.
func DatagramEchoServer(ctx context.Context, network, addr string) (net.Addr, error) {
	switch network { // package net would "listen" on unix too, where nothing can be read
	case "unixgram", "udp", "udp4", "udp6":
	default:
		return nil, fmt.Errorf("echo: %w", net.UnknownNetworkError(network))
	}
	c, err := new(net.ListenConfig).ListenPacket(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	bound := c.LocalAddr()
	remove := echoRemover(bound)       // now, as the process may go to another directory
	go servePacketEcho(ctx, c, remove) // error dropped: clients see the socket gone
	return bound, nil
}

// ServePacketEcho sends each datagram that reaches c back to its sender. It owns c: when it
// returns, c is closed and, for unixgram, its socket file removed, which [net.UnixConn]
// does not do itself. When ctx ends it returns nil, and an error with
// errors.Is(err, net.ErrClosed) if somebody else closed c. Any other error of a read is
// about one datagram, and should it not be, the next read comes after a growing pause.
//
// It waits for no client: an answer that has no room at the sender, no return address or
// no permission is dropped. (A blocking unixgram write to one client that never reads
// would stop the server for all.) So a client must read as it sends, as with UDP.
//
// Unixgram answers that wait to be read count against the server's own send buffer, 208 KiB
// on Linux. A client that lets enough of them wait shuts out all others until it reads or
// goes. Nor is a return address proof of anything: Go cuts an abstract name at a NUL within
// it, and the answer goes to whoever has bound what is left. So let trusted clients only
// write to the socket, or use unixpacket, where each connection has its own.
func ServePacketEcho(ctx context.Context, c net.PacketConn) error {
	return servePacketEcho(ctx, c, echoRemover(c.LocalAddr()))
}

func servePacketEcho(ctx context.Context, c net.PacketConn, remove func()) error {
	defer c.Close() // runs last: while c is open, nobody else gets its file's inode
	defer remove()
	reply := echoReplier(c)
	// A deadline unblocks ReadFrom and lets an answer in flight leave, unlike Close.
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer stop()
	buf := make([]byte, EchoBufferSize)
	for failures := 0; ; {
		n, from, err := c.ReadFrom(buf)
		switch {
		case err == nil:
			failures = 0
			reply(buf[:n], from)
		case ctx.Err() != nil:
			return nil // the caller asked for it
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("echo: read on %s: %w", c.LocalAddr(), err)
		default:
			failures = echoPause(ctx, failures)
		}
	}
}

// echoRemover returns a function that removes the socket file that is at addr now, unless
// another one has taken its place by then.
func echoRemover(addr net.Addr) func() {
	u, ok := addr.(*net.UnixAddr)
	if !ok || strings.HasPrefix(u.Name, "@") { // abstract: such a file would be another's
		return func() {}
	}
	mine, err := os.Lstat(u.Name)
	name := u.Name
	if wd, wdErr := os.Getwd(); wdErr == nil && !filepath.IsAbs(name) {
		// The process may go elsewhere. Not cleaned: "link/.." is not where it seems.
		abs := wd + string(filepath.Separator) + name
		if info, absErr := os.Lstat(abs); absErr == nil && err == nil && os.SameFile(mine, info) {
			name = abs
		}
	}
	return func() {
		now, nowErr := os.Lstat(name)
		if err == nil && nowErr == nil && os.SameFile(mine, now) {
			os.Remove(name) // error dropped: no more can be done
		}
	}
}
