package ch06

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
)

// Copy with: packets.go, options.go, conn.go.

// mostEarly bounds the memory for blocks that came early, in bytes.
const mostEarly = 4 << 20

// receiver receives one file. It delivers blocks in order and keeps those that come early.
//
// Block numbers are counted without end here: on the wire they continue at 0 after 65,535.
type receiver struct {
	conn     *conn
	timer    timer
	terms    terms
	request  []byte         // the RRQ
	asked    terms          // what it asks for at most
	address  netip.AddrPort // where it is sent
	resend   time.Duration  // without progress, until the request is sent again
	out      *bufio.Writer
	progress func(received, size int64) // may be nil

	server  netip.AddrPort // the port that responds
	settled bool           // the server has responded
	granted bool           // by an OACK of that port
	regrant time.Time      // when the last such OACK came; zero if none did
	other   netip.AddrPort // another address that responded

	received int64            // bytes
	expected int64            // the next block
	acked    int64            // the last block that was acknowledged
	told     time.Time        // when
	early    map[int64][]byte // blocks beyond a gap
	held     int              // bytes in early
	sent     time.Time        // when the packet was sent that the next block responds to; zero if unknown
	retried  time.Time        // when the timer repeated an ACK, and no block has come since
	gap      gap
}

// gap is a missing block, with a later one received. It may be lost, or overtaken by the
// later one, so the receiver waits before it reports the gap: a quarter of the round trip,
// or as long as blocks were late before. RACK does so for TCP, RFC 8985 section 6.2.
type gap struct {
	since    time.Time // when the gap was noticed; zero if there is none
	reported time.Time // when it was reported; zero if it was not
	late     time.Duration

	block int64     // the block that was last reported as missing
	noted time.Time // when it was noticed to be
}

// run sends the request and receives the file. If it fails, it sends the server the reason.
func (r *receiver) run(ctx context.Context, b []byte) error {
	defer r.conn.wakeAfter(ctx)()
	now := time.Now()
	r.terms, r.expected = plainTerms, 1
	r.timer.progress(now)
	r.sent = now
	r.sendRequest(now)
	for {
		due := r.timer.due
		if report := r.gap.since.Add(r.gapWait()); !r.gap.since.IsZero() && r.gap.reported.IsZero() && report.Before(due) {
			due = report
		}
		n, size, from, err := r.conn.receive(b, due)
		now, done := time.Now(), false
		switch {
		case err == nil && r.fromServer(from, b[:n]):
			done, err = r.packets(b[:n], size, now)
		case err == nil:
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case err == os.ErrDeadlineExceeded:
			err = r.expired(now)
		}
		if err != nil {
			r.sendReason(err)
		}
		if done || err != nil {
			return err
		}
	}
}

func (r *receiver) sendRequest(now time.Time) {
	r.conn.send(r.request, len(r.request), r.address)
	r.timer.start(now)
}

// expired reports a gap that has lasted for gapWait. If the timer has expired, it repeats the
// request or the last ACK, or fails if patience has passed.
func (r *receiver) expired(now time.Time) error {
	if now.Before(r.timer.due) {
		if !r.gap.since.IsZero() && r.gap.reported.IsZero() && now.Sub(r.gap.since) >= r.gapWait() {
			r.gap.reported, r.gap.noted, r.gap.block = now, r.gap.since, r.expected
			r.gap.late -= r.gap.late / 8
			r.acknowledge(now)
			r.sent = now
		}
		return nil
	}
	r.sent = time.Time{} // Karn's rule
	if !r.timer.expire(now) {
		err := fmt.Errorf("no response for %v: %w", now.Sub(r.timer.progressed), os.ErrDeadlineExceeded)
		if r.other.IsValid() {
			err = fmt.Errorf("%w (%v responded instead)", err, r.other)
		}
		return err
	}
	if !r.settled || r.expected == 1 && now.Sub(r.timer.progressed) > r.resend && now.Sub(r.regrant) > r.resend {
		// A server that is flooded with requests may have forgotten one that it granted.
		r.settled = false
		r.sendRequest(now)
		return nil
	}
	r.gap = gap{late: r.gap.late}
	r.acknowledge(now)
	r.retried = now
	return nil
}

// fromServer reports whether a datagram is part of this transfer. The first response
// settles the server's port, RFC 1350 section 4.
func (r *receiver) fromServer(from netip.AddrPort, b []byte) bool {
	// A zone may be written as a name or as a number: the address alone must match.
	same := from.Addr().WithZone("") == r.address.Addr().WithZone("")
	if !r.settled && same && opCode(b) >= OpData {
		if from != r.server {
			r.server, r.terms, r.granted = from, plainTerms, false
			r.early, r.held, r.gap = nil, 0, gap{} // of another transfer, perhaps of another file
		}
		r.settled = true
	}
	if r.settled && from == r.server {
		return true
	}
	if !same {
		r.other = from
	}
	if opCode(b) != OpErr { // an ERROR gets no response
		r.conn.sendErr(ErrUnknownID, "this port awaits another server", from)
	}
	return false
}

// packets processes what one read brought: packets of size bytes, the last perhaps shorter.
func (r *receiver) packets(b []byte, size int, now time.Time) (done bool, err error) {
	before := r.expected
	eachPacket(b, size, func(packet []byte) {
		if !done && err == nil {
			done, err = r.packet(packet, now)
		}
	})
	if r.expected > before {
		r.timer.progress(now)
		if !done {
			r.timer.start(now)
		}
		if r.progress != nil && err == nil {
			r.progress(r.received, r.terms.size)
		}
	}
	return done, err
}

func (r *receiver) packet(b []byte, now time.Time) (done bool, err error) {
	if opCode(b) == OpErr {
		var e Err
		e.UnmarshalBinary(b) // cannot fail: it is an ERROR
		if e.Code == ErrUnknownID && r.granted && r.expected == 1 {
			r.settled = false // the server has forgotten what it granted: the timer asks again
			return false, nil
		}
		return false, &e
	}
	if len(b) < 4 {
		return false, fmt.Errorf("%w: %d bytes from the server, want at least 4", ErrMalformed, len(b))
	}
	switch opCode(b) {
	case OpData:
		return r.data(b, now)
	case OpOAck:
		return false, r.optionAck(b, now)
	}
	return false, fmt.Errorf("%w: %v from a server", ErrMalformed, opCode(b))
}

// optionAck starts the transfer with what the server grants.
func (r *receiver) optionAck(b []byte, now time.Time) error {
	if r.expected > 1 {
		return nil // late: DATA has come
	}
	var granted OptionAck
	err := granted.UnmarshalBinary(b)
	if err == nil {
		r.terms, err = accept(granted.Options, r.asked)
	}
	if err != nil {
		return err
	}
	if r.granted {
		if now.Sub(r.told) >= r.timer.shortest/2 { // the ACK was lost, as in data
			r.repeat(now)
		}
		return nil
	}
	if r.regrant.IsZero() { // a server that only grants, over and over, makes no progress
		r.timer.progress(now)
	}
	r.granted, r.regrant = true, now
	r.measure(now)
	r.acknowledge(now)
	r.sent = now
	return nil
}

// data takes one block. Blocks beyond a gap are kept, and the gap is reported once: the
// server then sends the window from there on, RFC 7440 section 4.
func (r *receiver) data(b []byte, now time.Time) (done bool, err error) {
	payload := b[4:]
	if len(payload) > r.terms.blockSize {
		return false, fmt.Errorf("%w: block of %d bytes, limit %d", ErrMalformed, len(payload), r.terms.blockSize)
	}
	// 16-bit arithmetic: numbers continue at 0 after 65535.
	switch ahead := int64(int16(number(b) - uint16(r.expected))); {
	case ahead > 0:
		r.keep(r.expected+ahead, payload)
		if g := &r.gap; g.since.IsZero() || !g.reported.IsZero() && now.Sub(g.reported) >= r.timer.shortest {
			g.since, g.reported = now, time.Time{} // a new gap, or it was lost again
		}
		return false, nil
	case ahead < 0:
		if r.expected+ahead == r.gap.block {
			r.learn(now.Sub(r.gap.noted)) // it was late, not lost, and came twice
		}
		if ahead == -1 && r.expected > 1 && r.acked == r.expected-1 && now.Sub(r.told) >= r.timer.shortest/2 {
			r.repeat(now) // the ACK was lost: the server had the time to receive it
		}
		return false, nil
	}
	r.measure(now)
	reported := r.filled(now)
	for ok := true; ok; {
		if done, err = r.deliver(payload); done || err != nil {
			break
		}
		if payload, ok = r.early[r.expected]; ok {
			r.held -= len(payload)
			delete(r.early, r.expected)
		}
	}
	if len(r.early) > 0 && !reported {
		r.gap.since = now // another gap; if one was reported, the whole window comes again
	}
	if err == nil && (done || r.expected-1 >= r.acked+int64(r.terms.windowSize)) {
		r.acknowledge(now)
		r.sent, r.gap.block = now, 0
	}
	return done, err
}

// deliver writes the next block. It reports whether that was the last.
func (r *receiver) deliver(payload []byte) (last bool, err error) {
	n, err := r.out.Write(payload)
	r.received += int64(n)
	r.expected++
	if last = len(payload) < r.terms.blockSize; last && err == nil {
		err = r.out.Flush()
	}
	switch {
	case err != nil:
		return false, writeError{err}
	case last && r.received < r.terms.size:
		return false, fmt.Errorf("%d bytes of %d: %w", r.received, r.terms.size, io.ErrUnexpectedEOF)
	}
	return last, nil
}

// keep keeps a block that came early, if it is one of the window.
func (r *receiver) keep(block int64, payload []byte) {
	if block-r.expected < int64(r.terms.windowSize) && r.held+len(payload) <= mostEarly && r.early[block] == nil {
		if r.early == nil {
			r.early = make(map[int64][]byte)
		}
		r.early[block] = append([]byte{}, payload...)
		r.held += len(payload)
	}
}

// gapWait returns how long a missing block may be late.
func (r *receiver) gapWait() time.Duration { return max(r.gap.late, r.timer.shortest/4) }

// filled ends the gap, if there is one, and reports whether it was reported. A block that
// comes sooner than a round trip after the report is not a retransmission: it was late.
func (r *receiver) filled(now time.Time) (reported bool) {
	g := &r.gap
	if g.since.IsZero() {
		return false
	}
	reported = !g.reported.IsZero()
	if !reported || now.Sub(g.reported) < r.timer.shortest {
		r.learn(now.Sub(g.since))
	}
	g.since, g.reported = time.Time{}, time.Time{}
	return reported
}

// learn takes into account by how much a block was late.
func (r *receiver) learn(late time.Duration) {
	r.gap.late = min(max(r.gap.late, late+late/4), r.timer.wait)
}

// measure takes the round trip to a response that has just arrived. One to an ACK that was
// repeated does not count, but shows that the timer was not too fast if it took as long as
// usual.
func (r *receiver) measure(now time.Time) {
	late := !r.gap.reported.IsZero() && now.Sub(r.sent) < r.timer.shortest/2 // was on its way before
	if !r.sent.IsZero() && !late {
		r.timer.sample(now.Sub(r.sent))
	}
	if !r.retried.IsZero() && r.timer.usual(now.Sub(r.retried)) {
		r.timer.wait = r.timer.timeout()
	}
	r.retried = time.Time{}
	r.sent = time.Time{}
}

// acknowledge acknowledges all blocks before the expected one; 0 accepts the options.
func (r *receiver) acknowledge(now time.Time) {
	r.acked, r.told, r.sent = r.expected-1, now, time.Time{}
	b := appendHeader(make([]byte, 0, 4), OpAck, uint16(r.acked))
	r.conn.send(b, len(b), r.server)
	r.timer.start(now)
}

// repeat repeats the last ACK. The timer runs on, since a server that only repeats itself
// makes no progress.
func (r *receiver) repeat(now time.Time) {
	due := r.timer.due
	r.acknowledge(now)
	r.timer.due = due
}

// linger acknowledges the last block again if the server repeats it, RFC 1350 section 6.
// The timer of a server like this one expires within that time.
func (r *receiver) linger(b []byte) {
	wait := time.Second
	if r.timer.smoothed > 0 {
		wait = min(wait, 2*r.timer.smoothed+3*minWait)
	}
	for end := time.Now().Add(wait); ; {
		n, size, from, err := r.conn.receive(b, end)
		switch now := time.Now(); {
		case err == nil && from == r.server:
			eachPacket(b[:n], size, func(packet []byte) { // a window, of which the block is the last
				if len(packet) >= 4 && opCode(packet) == OpData && number(packet) == uint16(r.acked) {
					r.acknowledge(now)
				}
			})
		case err != nil && (err != os.ErrDeadlineExceeded || !now.Before(end)):
			return
		}
	}
}

// sendReason ends the transfer for the server.
func (r *receiver) sendReason(err error) {
	var failed writeError
	switch {
	case !r.settled || errors.As(err, new(*Err)):
		return // there is no transfer, or the server has ended it
	case errors.As(err, &failed):
		r.conn.sendErr(ErrDiskFull, "the client cannot write the file", r.server)
	case errors.Is(err, ErrOptions):
		r.conn.sendErr(ErrOptions, "granted is not what was asked for", r.server)
	case errors.Is(err, ErrMalformed):
		r.conn.sendErr(ErrIllegalOp, "the packet is malformed", r.server)
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.conn.sendErr(ErrUnknown, "no data came", r.server)
	default:
		r.conn.sendErr(ErrUnknown, "the client has ended the transfer", r.server)
	}
}

// writeError marks an error of the writer, as opposed to one of the network.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }
