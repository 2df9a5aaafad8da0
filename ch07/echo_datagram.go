package ch07

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Copy with: echo.go, serve.go.

// EchoWait is how long [ServePacketEcho] waits for a unixgram client that does not read.
const EchoWait = time.Second

// DatagramEchoServer is [StreamingEchoServer] for networks without connections: "unixgram",
// "udp", "udp4" and "udp6". When ctx ends it removes the socket file of a unixgram socket.
//
// A unixgram client gets a response only if it has bound a path of its own, to which the
// server may write. The client removes that file itself: closing its socket does not.
func DatagramEchoServer(ctx context.Context, network, addr string) (net.Addr, error) {
	switch network { // net.ListenPacket takes unix too, which cannot be read
	case "unixgram", "udp", "udp4", "udp6":
	default:
		return nil, fmt.Errorf("echo: %w", net.UnknownNetworkError(network))
	}
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	if network == "unixgram" && !strings.HasPrefix(addr, "@") { // abstract names have no file
		c = unixgramFile{c}
	}
	go ServePacketEcho(ctx, c) // error dropped: clients see that the socket is gone
	return c.LocalAddr(), nil
}

// unixgramFile removes its socket file when it closes, as net.UnixListener does and
// net.UnixConn does not.
type unixgramFile struct{ net.PacketConn }

func (f unixgramFile) Close() error {
	os.Remove(f.LocalAddr().String()) // error dropped: the file is gone or must stay
	return f.PacketConn.Close()
}

// ServePacketEcho sends each datagram that reaches c back to its sender. When ctx ends it
// returns nil. If something else closes c, it returns an error that matches net.ErrClosed.
// Before it returns it closes c. Other errors of a read are retried after a growing pause.
//
// A response that cannot be sent is dropped. A unixgram client that does not read delays the
// others, because each response to it takes [EchoWait] to fail. With a conn of package
// ch07/sockfile it fails at once.
func ServePacketEcho(ctx context.Context, c net.PacketConn) error {
	defer c.Close()
	// A deadline unblocks ReadFrom and lets a response in flight leave, unlike Close.
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer stop()
	buf := make([]byte, EchoBufferSize)
	pause := 5 * time.Millisecond
	for {
		n, from, err := c.ReadFrom(buf)
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			c.SetWriteDeadline(time.Now().Add(EchoWait)) // cannot fail while c is open
			c.WriteTo(buf[:n], from)                     // error dropped: it concerns one client
		case ctx.Err() != nil:
			return nil // the caller asked for it
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("echo: read on %s: %w", c.LocalAddr(), err)
		default:
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Second)
		}
	}
}
