package ch04

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// ProxyGrace is how long one direction may go on after the other has failed.
const ProxyGrace = 500 * time.Millisecond

// A Proxy passes bytes between two connections. The zero value is ready to use.
type Proxy struct {
	// Copy copies src to dst until src ends. Nil copies through a buffer of 32 KiB.
	// io.Copy will not do: between two *net.TCPConn it leaves the bytes to the Linux
	// kernel, which stops at TCP urgent data. Package splice knows how to go on.
	Copy func(dst, src net.Conn) error
}

// Run copies in both directions until both have ended or ctx has. It owns the conns and
// closes them. It passes on an end by CloseWrite, and a failure by SetLinger(0) and Close,
// which is a reset; Unix sockets have none, and their peer reads an end. A type that wraps
// a conn keeps both by having these two methods. If the receiver has no CloseWrite, the end
// of one direction ends the other, after ProxyGrace on a socket and at once on a net.Pipe.
//
// After a failure the other direction has ProxyGrace to bring over what is on its way. If
// a peer has sent all and then is gone for good, both directions end within two seconds.
//
// Run returns nil if both streams passed whole, context.Cause(ctx), wrapped, if ctx ended
// first, and otherwise the errors of both directions, joined.
func (p Proxy) Run(ctx context.Context, client, server net.Conn) error {
	defer client.Close()
	defer server.Close()
	end := sync.OnceFunc(func() { // unblocks both directions
		proxyReset(client)
		proxyReset(server)
	})
	stop := context.AfterFunc(ctx, end)
	grace := time.AfterFunc(math.MaxInt64, end) // until the first failure
	up, down := &proxyHalf{src: client, dst: server}, &proxyHalf{src: server, dst: client}
	first, second := make(chan struct{}, 1), make(chan struct{})
	half := func(h, other *proxyHalf) {
		h.err = p.copy(h.dst, h.src)
		select {
		case first <- struct{}{}:
			h.finish(other, second, grace)
		default:
			close(second)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { half(up, down) })
	half(down, up)
	wg.Wait()
	if !stop() {
		end() // waits for the call that has begun: it may have cut what was written
		return fmt.Errorf("proxy: %w", context.Cause(ctx))
	}
	if !grace.Stop() {
		end() // the same
	}
	upErr, downErr := up.close("client to server"), down.close("server to client")
	up.linger(down)
	down.linger(up)
	return errors.Join(upErr, downErr)
}

func (p Proxy) copy(dst, src net.Conn) error {
	if p.Copy != nil {
		return p.Copy(dst, src)
	}
	_, err := io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src}) // no other methods
	return err
}

// A proxyHalf is one direction.
type proxyHalf struct {
	src, dst net.Conn
	err      error // io.EOF if the other direction ended this one in order
}

// finish sees both directions to their end. h is the first that has ended or failed, and
// copied is closed when back has, too.
func (h *proxyHalf) finish(back *proxyHalf, copied <-chan struct{}, grace *time.Timer) {
	if h.err == nil {
		h.end(back, copied, grace)
	} else {
		grace.Reset(ProxyGrace)
		<-copied
		if back.err == nil && proxyCut(h.err) {
			back.err = h.err // end says why
		}
	}
	if back.err == nil {
		if err := proxyCloseWrite(back.dst); !errors.Is(err, errors.ErrUnsupported) {
			back.err = err // without CloseWrite, Close has to do
		}
	}
}

// end passes on the end of src and then watches src. A socket reports a reset once: if a
// write of back got the report, h reads io.EOF; and after io.EOF nobody reads. A Write of
// nothing fails in both cases.
func (h *proxyHalf) end(back *proxyHalf, copied <-chan struct{}, grace *time.Timer) {
	network := ""
	if addr := h.src.LocalAddr(); addr != nil {
		network = addr.Network()
	}
	socket := network == "tcp" || network == "unix" // others may send a message of nothing
	pass := sync.OnceFunc(func() { h.err = proxyCloseWrite(h.dst) })
	late := time.AfterFunc(ProxyGrace, pass) // Write waits while a write of back stalls
	var gone error
	for gone == nil {
		if socket {
			_, gone = h.src.Write(nil)
		}
		if gone == nil {
			late.Stop()
			pass()
			gone = h.err
		}
		if gone == nil {
			select {
			case <-copied:
				return
			case <-time.After(time.Second):
			}
		}
	}
	grace.Reset(ProxyGrace)
	if !socket {
		h.dst.Close() // without half-closes the end of one is the end of both
	} else if !errors.Is(gone, errors.ErrUnsupported) {
		h.dst.SetReadDeadline(time.Unix(1, 0)) // back has nowhere to write to
	}
	<-copied
	if late.Stop() && proxyCut(back.err) {
		h.err = back.err
		return
	}
	pass()
	if errors.Is(h.err, errors.ErrUnsupported) {
		h.err = nil
	}
	if err := back.err; errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		back.err = gone
		if !socket || network == "unix" && errors.Is(gone, syscall.EPIPE) {
			back.err = io.EOF
		}
	}
}

// close resets the receiver of a stream that did not pass whole.
func (h *proxyHalf) close(name string) error {
	if h.err == nil || h.err == io.EOF {
		return nil
	}
	proxyReset(h.dst)
	return fmt.Errorf("proxy: %s: %w", name, h.err)
}

// linger waits for ProxyGrace if h passed whole and back did not. To close a conn with
// bytes unread resets it, and what its peer has not read yet could be lost.
func (h *proxyHalf) linger(back *proxyHalf) {
	if h.err == nil && back.err != nil {
		h.dst.SetReadDeadline(time.Now().Add(ProxyGrace)) // fails on a closed conn only
		io.Copy(io.Discard, h.dst)                        // an error ends the wait, too
	}
}

// proxyCut reports whether err is that of a stream that was cut. EPIPE is not: it comes
// after the end.
func proxyCut(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && errno != syscall.EPIPE
}

func proxyCloseWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return fmt.Errorf("no method CloseWrite: %w", errors.ErrUnsupported)
}

// proxyReset closes c so that its peer reads ECONNRESET and not io.EOF.
func proxyReset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0) // fails on a closed conn only
	}
	c.Close()
}
