package ch04

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// ProxyGrace is how long Proxy lets one direction go on after the other has failed.
const ProxyGrace = 500 * time.Millisecond

// Proxy copies from client to server and from server to client until both directions
// have ended or ctx has. It owns the connections: both are closed when it returns.
//
// The end of one direction is passed on by CloseWrite, and the other one goes on: a
// client may send its request, half-close, and still get the whole answer. A conn
// without CloseWrite, like one of net.Pipe, hears of the end only when both
// directions have ended.
//
// If a direction fails (ECONNRESET, say), the other gets ProxyGrace to bring over
// what is on its way. The receiver of a direction that failed is reset where it is a
// TCP conn: a stream that was cut must not look like one that ended. The same holds
// for both directions if ctx ends first.
//
// Proxy returns nil if both streams passed whole; otherwise the errors of both
// directions, joined, and context.Cause(ctx) if that was the reason.
//
// Hand it the *net.TCPConns themselves: on Linux the bytes then never leave the
// kernel (splice(2)). Any wrapper, for logging or deadlines, sends them through user
// space. Each direction keeps a pipe, two descriptors, even while nothing flows;
// take a Relay for thousands of connections, or where idle ones must end.
func Proxy(ctx context.Context, client, server net.Conn) error {
	return proxyRun(ctx, client, server, func(dst, src net.Conn) error {
		_, err := io.Copy(dst, src) // *net.TCPConn.ReadFrom, which is splice on Linux
		return err
	})
}

// ProxyConn connects to the TCP addresses source and destination and lets them talk:
// what Proxy does, with both connections made here. ctx also bounds the dialing.
func ProxyConn(ctx context.Context, source, destination string) error {
	var d net.Dialer
	client, err := d.DialContext(ctx, "tcp", source)
	if err != nil {
		return fmt.Errorf("proxy: source: %w", err)
	}
	defer client.Close()
	server, err := d.DialContext(ctx, "tcp", destination)
	if err != nil {
		return fmt.Errorf("proxy: destination: %w", err)
	}
	return Proxy(ctx, client, server)
}

// proxyRun is Proxy for any way to copy: copyHalf returns nil if src ended.
func proxyRun(
	ctx context.Context, client, server net.Conn, copyHalf func(dst, src net.Conn) error,
) error {
	defer client.Close()
	defer server.Close()
	stop := context.AfterFunc(ctx, func() {
		proxyReset(client) // unblocks both directions
		proxyReset(server)
	})
	defer stop()

	half := func(name string, dst, src net.Conn) error {
		if err := copyHalf(dst, src); err != nil {
			end := time.Now().Add(ProxyGrace)
			dst.SetReadDeadline(end)  // cannot fail but on a closed conn, and then
			src.SetWriteDeadline(end) // the other direction has ended already
			return fmt.Errorf("proxy: %s: %w", name, err)
		}
		if c, ok := dst.(interface{ CloseWrite() error }); ok {
			c.CloseWrite() // fails if dst is gone, which the other direction reports
		}
		return nil
	}
	var up, down error
	var wg sync.WaitGroup
	wg.Go(func() { up = half("client to server", server, client) })
	down = half("server to client", client, server)
	wg.Wait()
	if up == nil && down == nil {
		return nil
	}
	if up != nil {
		proxyReset(server)
	}
	if down != nil {
		proxyReset(client)
	}
	if ctx.Err() != nil { // the directions only say that their conn was closed
		return fmt.Errorf("proxy: %w", context.Cause(ctx))
	}
	return errors.Join(up, down)
}

// proxyReset closes c so that its peer reads ECONNRESET and not io.EOF.
func proxyReset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0) // fails on a closed conn only
	}
	c.Close()
}
