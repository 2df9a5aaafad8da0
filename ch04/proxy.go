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
	"sync/atomic"
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

// Run copies in both directions until both have ended or ctx has, and closes the conns. It
// passes on an end by CloseWrite, and a failure by SetLinger(0) and Close, which is a reset.
// A type that wraps a conn has to have these methods. Without CloseWrite, the end of one
// direction ends the other after ProxyGrace, or at once if src is not a socket. After a
// failure the other direction has ProxyGrace to bring over what is on its way. If a peer has
// sent all and then is gone for good, both directions end within two seconds.
//
// When ctx ends, both conns are reset at once. To let streams finish on shutdown, give Run
// a context that ends later than the one that stops the accept loop, as ch04/proxy does.
//
// Run returns nil if both streams passed whole, and context.Cause(ctx), wrapped, if ctx
// ended first. Otherwise it wraps the errors of both directions, but not the error of one
// that Run has ended because the other failed.
func (p Proxy) Run(ctx context.Context, client, server net.Conn) error {
	defer client.Close()
	defer server.Close()
	if p.Copy == nil {
		p.Copy = func(dst, src net.Conn) error { // without ReadFrom and WriteTo
			_, err := io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src})
			return err
		}
	}
	cut := sync.OnceFunc(func() { // unblocks both directions
		proxyReset(client)
		proxyReset(server)
	})
	stop := context.AfterFunc(ctx, cut)
	grace := time.AfterFunc(math.MaxInt64, cut) // until the first failure
	up := &proxyHalf{src: client, dst: server, copied: make(chan struct{})}
	down := &proxyHalf{src: server, dst: client, copied: make(chan struct{})}
	var ended atomic.Bool // one of the two has
	pass := func(h, back *proxyHalf) {
		h.err = p.Copy(h.dst, h.src)
		close(h.copied)
		if ended.CompareAndSwap(false, true) {
			h.finish(back, grace)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { pass(up, down) })
	pass(down, up)
	wg.Wait()
	if !stop() {
		cut() // waits for the call that has begun: it may have cut what was written
		return fmt.Errorf("proxy: %w", context.Cause(ctx))
	}
	if !grace.Stop() {
		cut() // the same
	}
	upErr, downErr := up.close("client to server"), down.close("server to client")
	up.linger(down)
	down.linger(up)
	switch {
	case downErr == nil, upErr != nil && proxyClosed(downErr): // only the first cause
		return upErr
	case upErr == nil, proxyClosed(upErr):
		return downErr
	}
	return fmt.Errorf("%w; %w", upErr, downErr)
}

// A proxyHalf is one direction.
type proxyHalf struct {
	src, dst net.Conn
	copied   chan struct{} // closed when err is set
	err      error         // net.ErrClosed if it was ended because the other failed
}

// finish is called for the first direction that ends or fails. It returns when both have.
func (h *proxyHalf) finish(back *proxyHalf, grace *time.Timer) {
	if h.err == nil {
		h.end(back, grace)
	} else {
		grace.Reset(ProxyGrace)
		<-back.copied
		if back.err == nil && proxyCut(h.err) {
			back.err = net.ErrClosed // its end was that of the reset: see end
		}
	}
	if back.err == nil {
		back.err = proxyCloseWrite(back.dst)
	}
}

// end passes on the end of src, and then watches src. A socket reports a reset once: if a
// write of back got the report, h read io.EOF; and after io.EOF nobody reads. But a Write
// of nothing fails.
func (h *proxyHalf) end(back *proxyHalf, grace *time.Timer) {
	_, tcp := h.src.LocalAddr().(*net.TCPAddr)
	_, unix := h.src.LocalAddr().(*net.UnixAddr)
	halfClose := sync.OnceFunc(func() { h.err = proxyCloseWrite(h.dst) })
	late := time.AfterFunc(ProxyGrace, halfClose) // Write waits while a write of back stalls
	var reason error                              // why back has to end
	for {
		if tcp || unix { // a Write of nothing to another conn may wait or be a message
			_, reason = h.src.Write(nil)
		}
		if reason == nil {
			late.Stop()
			halfClose()
			reason = h.err
		}
		if reason != nil {
			break
		}
		select {
		case <-back.copied:
			return
		case <-time.After(time.Second):
		}
	}
	grace.Reset(ProxyGrace)
	if !tcp && !unix {
		h.dst.Close() // nothing half-closes: the end of one is the end of both
	} else if h.err == nil {
		h.dst.SetReadDeadline(time.Unix(1, 0)) // wakes back, which has nowhere to write to
	}
	<-back.copied
	if late.Stop() && proxyCut(back.err) {
		h.err = net.ErrClosed
		return
	}
	halfClose()
	if !proxyClosed(back.err) && !errors.Is(back.err, os.ErrDeadlineExceeded) {
		return // it ended before it could notice
	}
	if !tcp && (!unix || errors.Is(reason, syscall.EPIPE)) {
		back.err = nil // a Unix socket says EPIPE of an end in order
	} else if h.whole() {
		back.err = fmt.Errorf("the other direction ended it: %w", reason)
	}
}

// whole reports whether the stream and its end have passed.
func (h *proxyHalf) whole() bool {
	return h.err == nil || h.err == errors.ErrUnsupported // Close is all that dst can get
}

// close resets the receiver of a stream that did not pass whole.
func (h *proxyHalf) close(name string) error {
	if h.whole() {
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

// proxyCut reports whether err is that of a stream that was cut. EPIPE comes after its end.
func proxyCut(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && errno != syscall.EPIPE
}

// proxyClosed reports whether err is that of a conn which this side has closed.
func proxyClosed(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

func proxyCloseWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// proxyReset closes c so that its peer reads ECONNRESET and not io.EOF.
func proxyReset(c net.Conn) {
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0) // fails on a closed conn only
	}
	c.Close()
}
