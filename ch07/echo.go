package ch07

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Copy with: echo_reply_unix.go, echo_reply_other.go.

const (
	// EchoBufferSize is the longest message, in bytes, that is echoed whole. It holds
	// every UDP datagram. Of a longer unixgram or unixpacket message (Linux takes about
	// 208 KiB) the kernel drops the rest, and the echo is its first 64 KiB.
	EchoBufferSize = 64 << 10 // 64 KiB
	// EchoGrace is how long an echo in flight may take to leave once ctx has ended.
	EchoGrace = 5 * time.Second
)

// StreamingEchoServer listens on addr and sends back what it reads until ctx ends. The
// network is "unix", "unixpacket", "tcp", "tcp4" or "tcp6". It returns the bound address;
// errors are those of [net.Listen], such as syscall.EADDRINUSE for a path that exists.
//
// ctx owns the server and nothing tells the caller when it has ended. Whoever must know,
// say before a process exits, calls [ServeEcho] and waits for it to return; whoever wants
// permission bits and stale sockets replaced gives ServeEcho the listener of [Listen].
func StreamingEchoServer(ctx context.Context, network, addr string) (net.Addr, error) {
	l, err := new(net.ListenConfig).Listen(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	bound := l.Addr()
	go ServeEcho(ctx, l) // error dropped: clients see the listener gone
	return bound, nil
}

// DatagramEchoServer is [StreamingEchoServer] for networks without connections: "unixgram",
// "udp", "udp4" and "udp6". The blocking form to wait for is [ServePacketEcho].
//
// A unixgram client gets an answer only if it has bound a path of its own, to which the
// server may write, and must remove that file itself: closing the socket does not.
func DatagramEchoServer(ctx context.Context, network, addr string) (net.Addr, error) {
	c, err := new(net.ListenConfig).ListenPacket(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	bound := c.LocalAddr()
	go ServePacketEcho(ctx, c) // error dropped: clients see the socket gone
	return bound, nil
}

// ServeEcho echoes on every connection of l, in a goroutine and a buffer of
// [EchoBufferSize] each. It owns l: when it returns, l and all connections are closed,
// their goroutines have ended, and l's socket file is gone. When ctx ends it reads no
// more, gives echoes in flight up to [EchoGrace], and returns nil. It also returns,
// with the reason, when l fails; being out of file descriptors is waited out.
//
// A zero-length unixpacket message ends its connection: Go reads it as io.EOF.
func ServeEcho(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait() // runs last: no handler outlives ServeEcho
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // runs before Wait: ends the handlers
	defer l.Close()
	context.AfterFunc(ctx, func() { l.Close() }) // unblocks Accept
	const shortest, longest = 5 * time.Millisecond, time.Second
	for pause := shortest; ; {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = shortest
			wg.Go(func() { echoStream(ctx, conn) })
		case ctx.Err() != nil:
			return nil // the caller asked for it
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			select { // handlers that end free descriptors
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, longest)
		case errors.Is(err, syscall.ECONNABORTED): // that client gave up; the next may not
		default:
			return fmt.Errorf("echo: accept on %s: %w", l.Addr(), err)
		}
	}
}

// echoStream works for streams and for unixpacket: one Read returns at most one message,
// and one Write sends it as one. io.Copy would cut messages at its own 32 KiB.
func echoStream(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() {
		now := time.Now()
		conn.SetReadDeadline(now)                 // unblocks Read, cannot fail while open
		conn.SetWriteDeadline(now.Add(EchoGrace)) // a peer that does not read holds nobody up
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

// ServePacketEcho sends each datagram that reaches c back to its sender. It owns c: when it
// returns, c is closed and, for unixgram, its socket file removed, which [net.UnixConn]
// does not do itself. When ctx ends it returns nil; if reading fails, the reason.
//
// It waits for no client: an answer that has no room at the sender, no return address or
// no permission is dropped. (A blocking unixgram write to one client that never reads
// would stop the server for all.) So a client must read as it sends, as with UDP.
//
// Unixgram answers that wait to be read count against the server's own send buffer, 208 KiB
// on Linux. A client that lets enough of them wait shuts out all others until it reads or
// goes. So let trusted clients only write to the socket, or use unixpacket, where each
// connection has its own.
func ServePacketEcho(ctx context.Context, c net.PacketConn) error {
	defer c.Close() // runs last: while c is open, nobody else gets its file's inode
	if addr, ok := c.LocalAddr().(*net.UnixAddr); ok {
		if mine, err := os.Lstat(addr.Name); err == nil { // abstract names have no file
			defer func() {
				if now, err := os.Lstat(addr.Name); err == nil && os.SameFile(mine, now) {
					os.Remove(addr.Name) // error dropped: no more can be done
				}
			}()
		}
	}
	reply := echoReplier(c)
	// A deadline unblocks ReadFrom and lets an answer in flight leave, unlike Close.
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Now()) })
	defer stop()
	buf := make([]byte, EchoBufferSize)
	for {
		n, from, err := c.ReadFrom(buf)
		switch {
		case err == nil:
			reply(buf[:n], from)
		case ctx.Err() != nil:
			return nil // the caller asked for it
		default:
			return fmt.Errorf("echo: read on %s: %w", c.LocalAddr(), err)
		}
	}
}
