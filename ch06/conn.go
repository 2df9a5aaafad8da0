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

// Copy with: packets.go.

// A BlockConn moves several datagrams with one call. A transfer uses it if the socket that
// ListenPacket returns is one.
type BlockConn interface {
	net.PacketConn

	// WriteBlocks sends b as datagrams of size bytes each, the last perhaps shorter.
	WriteBlocks(b []byte, size int, to netip.AddrPort) error

	// ReadBlocks reads one datagram or, into 64 KiB or more, several of one sender: each of
	// size bytes, the last perhaps shorter.
	ReadBlocks(b []byte) (n, size int, from netip.AddrPort, err error)
}

// TraceFunc is called for each packet that is sent to the peer or received from it. It may
// be called from several goroutines, and must not keep packet.
type TraceFunc func(sent bool, peer netip.AddrPort, packet []byte)

// conn is the socket of one transfer.
type conn struct {
	socket net.PacketConn
	blocks BlockConn // nil: one datagram per call
	trace  TraceFunc // may be nil
	armed  time.Time // the socket's read deadline
	woken  atomic.Bool
}

func newConn(socket net.PacketConn, trace TraceFunc) *conn {
	blocks, _ := socket.(BlockConn)
	return &conn{socket: socket, blocks: blocks, trace: trace}
}

// send sends b as datagrams of size bytes each, the last perhaps shorter. A datagram that
// cannot be sent is lost like others, and the timer expires.
func (c *conn) send(b []byte, size int, to netip.AddrPort) {
	if c.trace != nil {
		eachPacket(b, size, func(packet []byte) { c.trace(true, to, packet) })
	}
	if c.blocks != nil {
		c.blocks.WriteBlocks(b, size, to)
		return
	}
	addr := net.UDPAddrFromAddrPort(to)
	eachPacket(b, size, func(packet []byte) { c.socket.WriteTo(packet, addr) })
}

// sendErr sends an ERROR, which ends the transfer for the peer and gets no response. If it
// is lost, the peer's timer ends the transfer.
func (c *conn) sendErr(code ErrCode, message string, to netip.AddrPort) {
	e := &Err{code, message[:min(len(message), BlockSize-1)]}
	if b, err := e.MarshalBinary(); err == nil {
		c.send(b, len(b), to)
	}
}

// receive waits until due for one datagram, or for several of a BlockConn. At due the error
// is os.ErrDeadlineExceeded. Other errors mean that the socket is broken.
//
// To move a deadline costs as much as the rest of a small block, so the socket's may stay
// earlier than due, and wake moves it: receive may return before due.
func (c *conn) receive(b []byte, due time.Time) (n, size int, from netip.AddrPort, err error) {
	if c.armed.IsZero() || c.armed.After(due) {
		c.arm(due)
		if c.woken.Swap(false) { // before, and its deadline was undone
			c.armed = time.Time{}
			return 0, 0, from, os.ErrDeadlineExceeded
		}
	}
	for failures := 0; ; {
		n, size, from, err = c.read(b)
		switch {
		case err == nil:
			if c.trace != nil {
				eachPacket(b[:n], size, func(packet []byte) { c.trace(false, from, packet) })
			}
			return n, size, from, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.armed = time.Time{}
			return 0, 0, from, os.ErrDeadlineExceeded
		}
		// Windows reports a datagram that was too long as an error of the read.
		if failures++; failures > 100 || errors.Is(err, net.ErrClosed) {
			return 0, 0, from, fmt.Errorf("socket: %w", err)
		}
	}
}

func (c *conn) read(b []byte) (n, size int, from netip.AddrPort, err error) {
	if c.blocks != nil {
		n, size, from, err = c.blocks.ReadBlocks(b)
	} else {
		var addr net.Addr
		n, addr, err = c.socket.ReadFrom(b)
		size, from = n, addrPort(addr)
	}
	return n, size, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
}

// poll receives a datagram that has arrived or arrives within wait, or else ok is false.
func (c *conn) poll(b []byte, wait time.Duration) (n int, from netip.AddrPort, ok bool) {
	c.arm(time.Now().Add(max(wait, time.Microsecond))) // a deadline that has passed would read nothing
	n, _, from, err := c.receive(b, c.armed)
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

// addrPort returns the address of a UDP socket, or the zero value, which matches no peer.
func addrPort(addr net.Addr) netip.AddrPort {
	if udp, ok := addr.(*net.UDPAddr); ok {
		return udp.AddrPort()
	}
	return netip.AddrPort{}
}

const (
	minWait = 20 * time.Millisecond // a shorter wait would take a busy peer for a loss
	maxWait = 8 * time.Second       // unless a longer one was agreed on
)

// timer is the retransmission timer of one side: RFC 6298's, which RFC 1123 section
// 4.2.3.2 asks of TFTP. It measures round trips and waits a little longer than one takes.
// Each time that it expires the wait doubles, until patience has passed without progress.
type timer struct {
	wait     time.Duration // until the next retransmission
	margin   time.Duration // the least to wait beyond a round trip
	ceiling  time.Duration // the longest wait
	patience time.Duration // without progress, until the transfer ends

	smoothed time.Duration // average round trip; 0 until one was measured
	varied   time.Duration // its mean deviation
	shortest time.Duration // the shortest one
	outliers int           // much longer ones in a row, not counted

	progressed time.Time // when the peer last made progress
	tries      int       // how often the timer has expired since
	due        time.Time // when the timer expires
}

// sample takes a round trip into account. Karn's rule: it must not be that of a packet
// that was retransmitted, since nobody knows which of the two was acknowledged. Nor may it
// be one that the peer's own timer ended: a round trip that is much longer than usual counts
// only after three such in a row. Then the path has changed, and the average starts again.
func (t *timer) sample(d time.Duration) {
	if !t.usual(d) && t.outliers < 3 {
		t.outliers++
		return
	}
	d = max(d, 1)
	if t.smoothed == 0 || d < t.smoothed/8 || !t.usual(d) { // the first one, or the path has changed
		t.smoothed, t.varied, t.shortest = d, d/2, d
	} else {
		t.varied = (3*t.varied + (t.smoothed - d).Abs()) / 4
		t.smoothed = (7*t.smoothed + d) / 8
		t.shortest = min(t.shortest, d)
	}
	t.wait, t.outliers = t.timeout(), 0
}

// usual reports whether a round trip is not much longer than those before.
func (t *timer) usual(d time.Duration) bool {
	return t.smoothed == 0 || d <= t.smoothed+max(minWait/2, 4*t.varied)
}

// timeout returns the wait that follows from the round trips.
func (t *timer) timeout() time.Duration {
	if t.smoothed == 0 {
		return t.wait
	}
	return min(t.smoothed+max(t.margin, 4*t.varied), t.ceiling)
}

// progress notes that the peer has made progress.
func (t *timer) progress(now time.Time) { t.progressed, t.tries = now, 0 }

// start lets the timer run from now.
func (t *timer) start(now time.Time) {
	t.due = now.Add(t.wait)
	if end := t.progressed.Add(t.patience); t.due.After(end) {
		t.due = end
	}
}

// expire doubles the wait. It reports false if the peer is to be given up.
func (t *timer) expire(now time.Time) bool {
	t.wait = min(2*t.wait, t.ceiling)
	t.tries++
	return now.Sub(t.progressed) < t.patience
}
