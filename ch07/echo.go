package ch07

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Copy with: echo_datagram.go, echo_reply_unix.go, echo_reply_other.go.

const (
	// EchoBufferSize is the longest message, in bytes, that is echoed whole. It holds
	// every UDP datagram. Of a longer unixgram or unixpacket message (Linux takes about
	// 208 KiB) the kernel drops the rest, and the echo is its first 64 KiB.
	EchoBufferSize = 64 << 10 // 64 KiB
	// EchoGrace is how long an echo in flight may take to leave once ctx has ended.
	EchoGrace = 5 * time.Second
)

// StreamingEchoServer listens on addr and sends back what it reads until ctx ends. The
// network is "unix", "unixpacket", "tcp", "tcp4" or "tcp6", any other an error,
// [net.UnknownNetworkError]. It returns the bound address; errors are those of
// [net.Listen], such as syscall.EADDRINUSE for a path that exists. At the end the socket
// file is removed, unless another has come to its path.
//
// ctx owns the server and nothing tells the caller when it has ended. Whoever must know,
// say before a process exits, calls [ServeEcho] and waits for it to return; whoever wants
// permission bits and stale sockets replaced gives ServeEcho the listener of [Listen].
func StreamingEchoServer(ctx context.Context, network, addr string) (net.Addr, error) {
	switch network { // package net would listen on unixgram too, where nobody can connect
	case "unix", "unixpacket", "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("echo: %w", net.UnknownNetworkError(network))
	}
	l, err := new(net.ListenConfig).Listen(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	// Windows: there os.SameFile may not know a socket again.
	if u, ok := l.(*net.UnixListener); ok && runtime.GOOS != "windows" {
		u.SetUnlinkOnClose(false) // Close would remove whatever is at the path by then
		l = &echoListener{u, sync.OnceFunc(echoRemover(u.Addr()))}
	}
	bound := l.Addr()
	go ServeEcho(ctx, l) // error dropped: clients see the listener gone
	return bound, nil
}

// echoListener removes its file first: while it is open, nobody else gets the inode.
type echoListener struct {
	net.Listener
	remove func()
}

func (l *echoListener) Close() error {
	l.remove()
	return l.Listener.Close()
}

// ServeEcho echoes on every connection of l, in a goroutine and a buffer of
// [EchoBufferSize] each. It owns l: when it returns, l and all connections are closed and
// their goroutines have ended. When ctx ends it reads no more, gives echoes in flight up
// to [EchoGrace], and returns nil. It also returns, with the reason, when l fails; being
// out of file descriptors or memory is waited out.
//
// A zero-length unixpacket message ends its connection: Go reads it as io.EOF.
func ServeEcho(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait() // runs last: no handler outlives ServeEcho
	ctx, cancel := context.WithCancel(ctx)
	closed := make(chan struct{})
	defer func() { cancel(); <-closed }()
	context.AfterFunc(ctx, func() {
		defer close(closed)
		l.Close() // unblocks Accept
	})
	for failures := 0; ; {
		conn, err := l.Accept()
		switch {
		case err == nil:
			failures = 0
			wg.Go(func() { echoStream(ctx, conn) })
		case ctx.Err() != nil:
			return nil // the caller asked for it
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE),
			errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
			failures = echoPause(ctx, failures) // handlers that end make room
		case errors.Is(err, syscall.ECONNABORTED): // that client gave up; the next may not
		default:
			return fmt.Errorf("echo: accept on %s: %w", l.Addr(), err)
		}
	}
}

// echoPause waits until ctx ends, but 5 ms at most, doubled up to 1 s for each failure in
// a row before.
func echoPause(ctx context.Context, failures int) int {
	select {
	case <-ctx.Done():
	case <-time.After(min(5*time.Millisecond<<min(failures, 10), time.Second)):
	}
	return failures + 1
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
