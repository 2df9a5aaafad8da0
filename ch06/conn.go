package ch06

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// Copy with: types.go.

// A BlockConn moves several datagrams with one call. A transfer uses it if the socket that
// ListenPacket returns is one.
type BlockConn interface {
	net.PacketConn

	// WriteBlocks sends b as datagrams of size bytes each, the last perhaps shorter.
	WriteBlocks(b []byte, size int, to netip.AddrPort) error

	// ReadBlocks reads one datagram, or several of one sender: each of size bytes, the last
	// perhaps shorter.
	ReadBlocks(b []byte) (n, size int, from netip.AddrPort, err error)
}

// addrPortConn is what *net.UDPConn has to send and receive without an allocation.
type addrPortConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// TraceFunc is called for each packet that is sent to the peer or received from it. It may
// be called from several goroutines, and must not keep packet.
type TraceFunc func(sent bool, peer netip.AddrPort, packet []byte)

// conn is the socket of one transfer.
type conn struct {
	socket addrPortConn
	blocks BlockConn // nil: one datagram per call
	trace  TraceFunc // may be nil
	armed  time.Time // the socket's read deadline
	woken  atomic.Bool
}

func newConn(socket net.PacketConn, trace TraceFunc) *conn {
	c := &conn{trace: trace}
	c.blocks, _ = socket.(BlockConn)
	var ok bool
	if c.socket, ok = socket.(addrPortConn); !ok {
		c.socket = plainConn{socket}
	}
	return c
}

// send sends b as datagrams of size bytes each, the last perhaps shorter.
func (c *conn) send(b []byte, size int, to netip.AddrPort) (err error) {
	if c.trace != nil {
		eachPacket(b, size, func(packet []byte) { c.trace(true, to, packet) })
	}
	if c.blocks != nil && len(b) > size {
		return c.blocks.WriteBlocks(b, size, to)
	}
	for len(b) > 0 {
		n := min(size, len(b))
		if _, e := c.socket.WriteToUDPAddrPort(b[:n], to); e != nil {
			err = e
		}
		b = b[n:]
	}
	return err
}

// sendErr ends the transfer for the peer, which does not respond. If the packet is lost,
// the peer's timer ends the transfer.
func (c *conn) sendErr(code ErrCode, message string, to netip.AddrPort) {
	e := &Err{code, message[:min(len(message), BlockSize-1)]}
	if b, err := e.MarshalBinary(); err == nil {
		c.send(b, len(b), to)
	}
}

// receive waits until due for one datagram or, of a BlockConn if many is set, for several.
// At due the error is os.ErrDeadlineExceeded. Other errors mean that the socket is broken.
//
// To move a deadline costs as much as the rest of a small block, so the socket's may stay
// earlier than due, and wake moves it: receive may return before due.
func (c *conn) receive(b []byte, due time.Time, many bool) (n, size int, from netip.AddrPort, err error) {
	if c.armed.IsZero() || c.armed.After(due) {
		c.arm(due)
		if c.woken.Swap(false) { // before, and its deadline was undone
			c.armed = time.Time{}
			return 0, 0, from, os.ErrDeadlineExceeded
		}
	}
	for failures := 0; ; {
		if many && c.blocks != nil {
			n, size, from, err = c.blocks.ReadBlocks(b)
		} else {
			n, from, err = c.socket.ReadFromUDPAddrPort(b)
			size = n
		}
		switch {
		case err == nil:
			from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			if c.trace != nil {
				eachPacket(b[:n], size, func(packet []byte) { c.trace(false, from, packet) })
			}
			return n, size, from, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.armed = time.Time{}
			return 0, 0, from, os.ErrDeadlineExceeded
		}
		// Some systems report a datagram that was too long as an error of the read.
		if failures++; failures > 100 || errors.Is(err, net.ErrClosed) {
			return 0, 0, from, fmt.Errorf("socket: %w", err)
		}
	}
}

// poll receives a datagram that has arrived or arrives within wait, or else ok is false.
func (c *conn) poll(b []byte, wait time.Duration) (n int, from netip.AddrPort, ok bool) {
	c.arm(time.Now().Add(max(wait, time.Microsecond))) // a deadline that has passed would read nothing
	n, _, from, err := c.receive(b, c.armed, false)
	return n, from, err == nil
}

func (c *conn) arm(due time.Time) {
	c.armed = due
	c.socket.SetReadDeadline(due) // fails only if the socket is closed, as the read will tell
}

// wake makes a receive that waits, or a later one, return early. It may be called from any
// goroutine.
func (c *conn) wake() {
	c.woken.Store(true)
	c.socket.SetReadDeadline(time.Unix(1, 0)) // fails only if the socket is closed
}

// wakeAfter calls wake when ctx ends. The caller calls stop.
func (c *conn) wakeAfter(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		defer close(done)
		c.wake()
	})
	return func() {
		if !undo() {
			<-done // no goroutine is left behind
		}
	}
}

// eachPacket calls do for each size bytes of b, and for the rest.
func eachPacket(b []byte, size int, do func(packet []byte)) {
	for {
		n := min(size, len(b))
		do(b[:n])
		if b = b[n:]; len(b) == 0 {
			return
		}
	}
}

// plainConn makes an addrPortConn of any net.PacketConn.
type plainConn struct{ net.PacketConn }

func (c plainConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, addr, err := c.ReadFrom(b)
	if udp, ok := addr.(*net.UDPAddr); ok {
		return n, udp.AddrPort(), err
	}
	return n, netip.AddrPort{}, err // matches no peer
}

func (c plainConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(to))
}
