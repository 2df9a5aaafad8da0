package ch04

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ProxyGrace is how long Proxy lets one direction go on after the other has failed.
const ProxyGrace = 500 * time.Millisecond

// Proxy copies from client to server and from server to client until both directions
// have ended or ctx has. It owns the connections: both are closed when it returns.
//
// The end of one direction is passed on by CloseWrite, and the other one goes on: a
// client may send its request, half-close, and still get the whole answer. Between two
// conns without CloseWrite, like those of net.Pipe, the end of one is the end of both.
// Where only the receiver lacks it, it hears of the end when both directions have ended.
//
// If a direction fails (ECONNRESET, say), the other gets ProxyGrace to bring over
// what is on its way. That holds for one that has ended as well: an answer to half an
// upload reaches a client that is still sending the other half. The receiver of a
// direction that failed is reset where it is a TCP conn: a stream that was cut must not
// look like one that ended. The same holds for both directions if ctx ends first.
//
// Proxy returns nil if both streams passed whole; context.Cause(ctx), wrapped, if ctx
// has ended; otherwise the errors of both directions, joined. One that was cut at the
// end of ProxyGrace only says that its conn was closed.
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
	end := sync.OnceFunc(func() { // unblocks both directions, whatever deadlines they set
		proxyReset(client)
		proxyReset(server)
	})
	stop := context.AfterFunc(ctx, end)

	var whole atomic.Bool // the end of one direction was the end of both
	var failed sync.Once
	var grace *time.Timer // runs from the first failure on
	var graceEnd time.Time
	half := func(name string, dst, src net.Conn) error {
		err := copyHalf(dst, src)
		if whole.Load() && (errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)) {
			return nil // closed just below
		} else if err != nil {
			failed.Do(func() {
				grace, graceEnd = time.AfterFunc(ProxyGrace, end), time.Now().Add(ProxyGrace)
			})
			return fmt.Errorf("proxy: %s: %w", name, err)
		}
		_, srcHalves := src.(proxyHalfCloser)
		if c, ok := dst.(proxyHalfCloser); ok {
			c.CloseWrite() // fails if dst is gone, which the other direction reports
		} else if !srcHalves {
			whole.Store(true)
			dst.Close()
		}
		return nil
	}
	var up, down error
	var wg sync.WaitGroup
	wg.Go(func() { up = half("client to server", server, client) })
	down = half("server to client", client, server)
	wg.Wait()
	if grace != nil && !grace.Stop() {
		end() // waits for the one that the timer has begun
	}
	switch { // the stream that passed whole may still be on its way
	case up == nil && down != nil:
		proxyLinger(server, graceEnd)
	case up != nil && down == nil:
		proxyLinger(client, graceEnd)
	}
	if !stop() { // the same, and it has cut even what had ended by then
		end()
		return fmt.Errorf("proxy: %w", context.Cause(ctx))
	}
	if up != nil {
		proxyReset(server)
	}
	if down != nil {
		proxyReset(client)
	}
	return errors.Join(up, down)
}

// proxyLinger waits for c to end, until end at the latest, and drops what comes in. To
// close c with bytes unread would reset it, and what its peer has not yet read of an
// answer could be lost. The end of ctx closes c, and so ends this as well.
func proxyLinger(c net.Conn, end time.Time) {
	c.SetReadDeadline(end) // fails on a closed conn only
	io.Copy(io.Discard, c) // its error ends the wait as well as io.EOF
}

type proxyHalfCloser interface{ CloseWrite() error }

// proxyReset closes c so that its peer reads ECONNRESET and not io.EOF.
func proxyReset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0) // fails on a closed conn only
	}
	c.Close()
}
