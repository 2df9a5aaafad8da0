package ch06

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// Copy with: types.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go.

// maxWait bounds the growing pause between retransmissions, unless the two sides agreed
// on a longer timeout.
const maxWait = 8 * time.Second

// errResend says that the peer has been silent for too long: send again what it lacks.
var errResend = errors.New("time to send again")

// datagramConn is a net.PacketConn that reads and writes without allocating an address,
// as *net.UDPConn does.
type datagramConn interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// link is one end of a transfer: the socket and the retransmission timer.
type link struct {
	offload
	step    *lockstep     // the quick way for single datagrams; nil: package net's
	fresh   bool          // nothing was received since the last send
	calm    time.Duration // the wait for the first retransmission
	retries int           // retransmissions in a row before the peer is given up

	wait  time.Duration // until the next retransmission: it doubles, RFC 1123 4.2.3.2
	tries int           // retransmissions since the last progress
	due   time.Time     // of the next retransmission; zero until receive has to wait
	armed time.Time     // the socket's read deadline: never after due
	lost  error         // why the last send failed, to be told when the peer is given up
}

func newLink(conn net.PacketConn, timeout time.Duration, retries int) *link {
	d, ok := conn.(datagramConn)
	if !ok {
		d = packetConn{conn}
	}
	return &link{offload: offload{conn: d}, calm: timeout, wait: timeout, retries: retries}
}

// interrupt makes a blocked receive return once ctx ends. The caller calls stop.
func (l *link) interrupt(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	undo := context.AfterFunc(ctx, func() {
		defer close(done)
		l.conn.SetReadDeadline(time.Unix(1, 0)) // fails only where the conn is closed
	})
	return func() {
		if !undo() {
			<-done // it has begun: no goroutine is left behind
		}
	}
}

// progress says that the peer got further: patience starts anew.
func (l *link) progress() { l.tries, l.wait = 0, l.calm }

// send sends blocks, one datagram for each size bytes, and starts the timer. A datagram
// that cannot be sent is as good as lost on the way: the timer takes care of both.
func (l *link) send(blocks []byte, size int, to netip.AddrPort) {
	l.lost = nil
	if len(blocks) > size || !l.step.write(blocks, to) {
		l.lost = l.write(blocks, size, to)
	}
	l.due, l.fresh = time.Time{}, true
}

// receive reads into b one datagram, or several that the kernel has joined: each of size
// bytes, the last perhaps of fewer. It returns errResend when the timer has run out, an
// error that matches os.ErrDeadlineExceeded when the peer is given up, and ctx's cause.
//
// Moving a deadline costs about as much as the rest of a small block, so the socket's is
// left where it was while due moves ahead, and is caught up when it passes. Nor is the
// clock asked for an answer that comes at once.
func (l *link) receive(ctx context.Context, b []byte) (n, size int, from netip.AddrPort, err error) {
	for failures := 0; ; {
		if l.fresh { // only the first answer: junk must not keep the timer from starting
			l.fresh = false
			if n, from, ok := l.step.read(b); ok {
				return n, n, from, nil
			}
		}
		if l.due.IsZero() {
			l.due = time.Now().Add(l.wait)
		}
		if l.armed.IsZero() || l.armed.After(l.due) {
			l.conn.SetReadDeadline(l.due) // fails only where the conn is closed: read says so
			l.armed = l.due
			if ctx.Err() != nil { // interrupt came first, and its deadline was just undone
				return 0, 0, from, context.Cause(ctx)
			}
		}
		n, size, from, err = l.read(b)
		switch {
		case err == nil:
			return n, size, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
		case ctx.Err() != nil:
			return 0, 0, from, context.Cause(ctx)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			// Windows reports datagrams that were too long, and ports that were closed,
			// as errors of the read: they are as little of our business as any junk.
			if failures++; failures > 100 || errors.Is(err, net.ErrClosed) {
				return 0, 0, from, fmt.Errorf("socket: %w", err)
			}
		case time.Now().Before(l.due):
			l.armed = time.Time{}
		case l.tries >= l.retries:
			err = fmt.Errorf("the peer is silent after %d tries: %w", l.tries+1, os.ErrDeadlineExceeded)
			if l.lost != nil {
				err = fmt.Errorf("%w (last send: %w)", err, l.lost)
			}
			return 0, 0, from, err
		default:
			l.tries++
			l.wait = min(2*l.wait, max(l.calm, maxWait))
			l.armed = time.Time{}
			return 0, 0, from, errResend
		}
	}
}

// sendErr tells the peer that the transfer is over. Nobody acknowledges it.
func (l *link) sendErr(code ErrCode, message string, to netip.AddrPort) {
	message = message[:min(len(message), BlockSize-1)]
	if b, err := (&Err{code, message}).MarshalBinary(); err == nil {
		l.conn.WriteToUDPAddrPort(b, to) // a courtesy: the peer's timer covers its loss
	}
}

// writeEach is the plain way to send blocks: a system call for each.
func writeEach(conn datagramConn, blocks []byte, size int, to netip.AddrPort) error {
	var failed error
	for len(blocks) > 0 {
		n := min(size, len(blocks))
		if _, err := conn.WriteToUDPAddrPort(blocks[:n], to); err != nil {
			failed = err
		}
		blocks = blocks[n:]
	}
	return failed
}

// packetConn makes a datagramConn of any net.PacketConn.
type packetConn struct{ net.PacketConn }

func (c packetConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, addr, err := c.ReadFrom(b)
	if addr == nil {
		return n, netip.AddrPort{}, err
	}
	if udp, ok := addr.(*net.UDPAddr); ok {
		return n, udp.AddrPort(), err
	}
	from, _ := netip.ParseAddrPort(addr.String()) // what is no address matches no peer
	return n, from, err
}

func (c packetConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteTo(b, net.UDPAddrFromAddrPort(to))
}
