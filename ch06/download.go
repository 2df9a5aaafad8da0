package ch06

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
)

// Copy with: types.go, request.go, options.go, link.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go.

// plainTerms are those of a server that grants no options.
var plainTerms = terms{blockSize: BlockSize, windowSize: 1, size: -1}

// download receives one file.
type download struct {
	*link
	terms
	request *ReadReq
	asked   netip.AddrPort // where requests go
	server  netip.AddrPort // the port that answered
	settled bool           // server has answered
	granted bool           // the options were, once
	granter netip.AddrPort // who did so last: its terms are none of another server's

	out      *bufio.Writer
	received int64
	progress func(received, size int64)

	expected int64 // number of the next block
	unacked  int   // blocks since the last acknowledgment
	gap      bool  // a block was missing, and the server was told, see data
	inOrder  bool  // the datagram before was the block before
	ack      [4]byte
}

// run sends the request and receives the file. It tells the server why when it gives up.
func (d *download) run(ctx context.Context, request, b []byte) error {
	defer d.interrupt(ctx)()
	d.send(request, len(request), d.asked)
	for done := false; !done; {
		n, size, from, err := d.receive(ctx, b)
		switch {
		case err == errResend && (!d.settled || d.expected == 1 && d.tries > 1):
			// A server in a flood of requests may forget one whose options have not been
			// acknowledged yet: where that is not answered, it is asked anew.
			d.settled = false
			d.send(request, len(request), d.asked)
			continue
		case err == errResend:
			d.gap = false
			d.acknowledge()
			continue
		case err == nil && !d.fromServer(from, b[:n]):
			continue
		case err == nil:
			done, err = d.datagrams(b[:n], size)
		}
		if err != nil {
			d.giveUp(err)
			return err
		}
	}
	return nil
}

// fromServer tells whether a datagram is part of this transfer. The first answer settles
// the server's port, RFC 1350 section 4.
func (d *download) fromServer(from netip.AddrPort, b []byte) bool {
	// Zones are names or numbers for the same thing: the address alone must match.
	if !d.settled && from.Addr().WithZone("") == d.asked.Addr().WithZone("") {
		switch opCode(b) {
		case OpData, OpOAck, OpErr:
			d.server, d.settled = from, true
			if from != d.granter {
				d.terms = plainTerms
			}
		}
	}
	if from == d.server && d.settled {
		return true
	}
	if opCode(b) != OpErr { // errors are never answered
		d.sendErr(ErrUnknownID, "this port awaits another server", from)
	}
	return false
}

// datagrams takes what one read brought: datagrams of size bytes, the last perhaps fewer.
func (d *download) datagrams(b []byte, size int) (done bool, err error) {
	before := d.expected
	for {
		n := min(size, len(b))
		if done, err = d.datagram(b[:n]); done || err != nil {
			return done, err
		}
		if b = b[n:]; len(b) == 0 {
			break
		}
	}
	if d.expected > before {
		d.due = time.Time{} // starts anew: a window may take longer than the timer runs
		if d.progress != nil {
			d.progress(d.received, d.size)
		}
	}
	return false, nil
}

func (d *download) datagram(b []byte) (done bool, err error) {
	if len(b) < 4 {
		return false, nil // no packet is that short
	}
	switch opCode(b) {
	case OpData:
		return d.data(b)
	case OpOAck:
		if d.expected > 1 {
			return false, nil // late: data has come
		}
		var granted OptionAck
		if err := granted.UnmarshalBinary(b); err != nil {
			return false, err
		}
		d.terms, d.granter = plainTerms, d.server
		if err := accept(granted.Options, d.request.Options, &d.terms); err != nil {
			return false, err
		}
		if d.granted { // a server that only grants, again and again, gets nowhere
			d.acknowledgeAgain()
			return false, nil
		}
		d.granted = true
		d.link.progress()
		d.acknowledge()
		return false, nil
	case OpErr:
		return false, endOf(b)
	}
	return false, fmt.Errorf("%w: %v from a server", ErrMalformed, opCode(b))
}

// data takes one block. Blocks behind a gap are dropped, and the server is told where to
// go on, RFC 7440 section 4. It is told once: it then sends the whole window again, and
// what is still on the way of the first one must not make it do so a second time. Two
// blocks in order show that the new window has arrived.
func (d *download) data(b []byte) (done bool, err error) {
	if len(b) > 4+d.blockSize {
		return false, fmt.Errorf("%w: DATA of %d bytes, limit %d", ErrMalformed, len(b), 4+d.blockSize)
	}
	// 16-bit arithmetic: numbers start again after 65535.
	if ahead := int16(binary.BigEndian.Uint16(b[2:]) - uint16(d.expected)); ahead != 0 {
		d.inOrder = false
		lost := ahead > 0 // a block before this one
		// The last block again, which was acknowledged: that was lost. One that was not
		// acknowledged has only come twice.
		again := ahead == -1 && d.expected > 1 && d.unacked == 0
		if lost && !d.gap {
			d.gap = true
			d.acknowledge()
		} else if again && !d.gap {
			d.acknowledgeAgain()
		}
		return false, nil
	}
	if d.inOrder {
		d.gap = false
	}
	d.inOrder = true
	n, err := d.out.Write(b[4:])
	d.received += int64(n)
	if err != nil {
		return false, writeError{err}
	}
	d.link.progress()
	d.expected++
	d.unacked++
	last := len(b) < 4+d.blockSize
	if last {
		if err := d.out.Flush(); err != nil {
			return false, writeError{err}
		}
		if d.received < d.size {
			return false, fmt.Errorf("%d bytes of %d: %w", d.received, d.size, io.ErrUnexpectedEOF)
		}
	}
	if last || d.unacked >= d.windowSize {
		d.acknowledge()
	}
	if last && d.progress != nil {
		d.progress(d.received, d.size)
	}
	return last, nil
}

// acknowledge says which block is the last that came in order; 0 accepts the options.
func (d *download) acknowledge() {
	d.unacked = 0
	d.send(appendHeader(d.ack[:0], OpAck, uint16(d.expected-1)), len(d.ack), d.server)
}

// acknowledgeAgain lets the timer run on: a server that repeats itself is as good as silent.
func (d *download) acknowledgeAgain() {
	due := d.due
	d.acknowledge()
	d.due = due
}

// giveUp tells the server why, so that it stops sending.
func (d *download) giveUp(err error) {
	var failed writeError
	switch {
	case !d.settled:
		return // there is no transfer to end
	case errors.As(err, new(*Err)):
		return // it was the server who ended it
	case errors.As(err, &failed):
		d.sendErr(ErrDiskFull, "the client cannot write the file", d.server)
	case errors.Is(err, ErrOptions):
		d.sendErr(ErrOptions, "granted is not what was asked for", d.server)
	case errors.Is(err, ErrMalformed):
		d.sendErr(ErrIllegalOp, "the packet is malformed", d.server)
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.sendErr(ErrUnknown, "no data came", d.server)
	default:
		d.sendErr(ErrUnknown, "the client has given up", d.server)
	}
}

// writeError marks an error of the writer, as opposed to one of the network.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }
