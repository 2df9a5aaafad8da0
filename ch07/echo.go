package ch07

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

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

// ServeEcho echoes on every connection of l, each with a goroutine and a buffer of
// [EchoBufferSize]. When ctx ends it closes l, stops reading, gives echoes in flight up to
// [EchoGrace], and returns nil. A permanent error of l.Accept, such as net.ErrClosed, ends
// it too and is returned. By then l and all connections are closed and their goroutines
// have ended.
//
// An empty unixpacket message ends its connection, because Go reads it as io.EOF.
func ServeEcho(ctx context.Context, l net.Listener) error {
	var wg sync.WaitGroup
	defer wg.Wait() // runs last: no goroutine outlives ServeEcho
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the connections if l has failed
	conns, endConns := context.WithCancel(context.Background())
	wg.Go(func() { <-ctx.Done(); l.Close(); endConns() }) // unblocks Accept
	for {
		conn, err := accept(ctx, l)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("echo: accept on %s: %w", l.Addr(), err)
		}
		wg.Go(func() { echoStream(conns, conn) })
	}
}

// accept returns the next connection of l, or an error if ctx has ended. After an error
// that passes it tries again: after 5 ms, doubled with each failure in a row, up to 1 s.
func accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := l.Accept()
		switch {
		case err == nil && ctx.Err() != nil:
			conn.Close() // too late to be served
			return nil, ctx.Err()
		case err == nil || !acceptPasses(err):
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// acceptPasses reports whether Accept may succeed after err, as when connections end.
func acceptPasses(err error) bool {
	errno, _ := errors.AsType[syscall.Errno](err)
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, // too many in use
		syscall.ECONNABORTED, syscall.EPROTO, // the client has gone
		10024, 10053, 10054, 10055: // the same on Windows
		return true
	}
	return false
}

// echoStream serves streams and unixpacket alike: one Read returns at most one message,
// and one Write sends it as one. io.Copy would split messages at its own 32 KiB.
func echoStream(ctx context.Context, conn net.Conn) {
	defer conn.Close()
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
