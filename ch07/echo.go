package ch07

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Copy with: serve.go.

const (
	// EchoBufferSize is the longest message, in bytes, that is echoed whole. It holds every
	// UDP datagram. The kernel cuts off the rest of a longer unixgram or unixpacket message.
	EchoBufferSize = 64 << 10 // 64 KiB
	// EchoGrace is how long an echo in flight may take after the end of the context.
	EchoGrace = 5 * time.Second
)

// StreamingEchoServer listens on addr and sends back what it reads until ctx ends. The
// network is "unix", "unixpacket", "tcp", "tcp4" or "tcp6". It returns the bound address.
// Errors are those of [net.Listen], such as syscall.EADDRINUSE if the path exists.
//
// Before the program exits, wait for the server, or its socket file stays. When a client
// reads the end of its connection, the file is gone. If the program has no client, call
// [ServeEcho] and wait for it to return.
func StreamingEchoServer(ctx context.Context, network, addr string) (net.Addr, error) {
	switch network { // net.Listen takes unixgram too, which cannot accept
	case "unix", "unixpacket", "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("echo: %w", net.UnknownNetworkError(network))
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	go ServeEcho(ctx, l) // error dropped: clients see that the listener is gone
	return l.Addr(), nil
}

// ServeEcho is [Serve] with a handler that echoes, with a buffer of [EchoBufferSize]. When
// ctx ends it stops reading, and gives echoes in flight up to [EchoGrace].
//
// An empty unixpacket message ends its connection, because Go reads it as io.EOF.
func ServeEcho(ctx context.Context, l net.Listener) error {
	if err := Serve(ctx, l, echoStream); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	return nil
}

// echoStream serves streams and unixpacket alike: one Read returns at most one message,
// and one Write sends it as one. io.Copy would split messages at its own 32 KiB.
func echoStream(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() {
		now := time.Now()
		conn.SetReadDeadline(now)                 // unblocks Read, cannot fail while open
		conn.SetWriteDeadline(now.Add(EchoGrace)) // bounds a peer that does not read
	})
	defer stop()
	buf := make([]byte, EchoBufferSize)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			if _, err := conn.Write(buf[:n]); err != nil {
				return // the peer is gone or does not read
			}
		}
		if err != nil {
			return // io.EOF, a reset, or the deadline set above
		}
	}
}
