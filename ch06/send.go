package ch06

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// Copy with: types.go, options.go, conn.go, timer.go.

const (
	oneBurst = 64 << 10        // bytes to send before looking for an ACK
	lastWait = 5 * time.Second // patience if nothing but the last ACK is missing
)

var (
	errNoAck     = fmt.Errorf("no acknowledgment: %w", os.ErrDeadlineExceeded)
	errNoLastAck = errors.New("sent, but the last block was not acknowledged")
)

// sender sends one file to one client, a window of blocks at a time (RFC 7440); in
// lock-step, as in RFC 1350, the window is one block. It keeps the blocks that are not
// acknowledged as the datagrams that they travel in, one behind the other.
//
// Block numbers are counted without end here: on the wire they continue at 0 after 65,535.
type sender struct {
	conn   *conn
	timer  timer
	terms  terms
	client netip.AddrPort
	file   io.Reader

	window []byte // the datagrams from block first on
	stride int    // bytes in one; only the last may be shorter
	first  int64  // the first block that is not acknowledged; 0 is the OACK
	at     int64  // the next block to send
	next   int64  // the first block that was never sent
	ended  bool   // the window holds the last block

	passed time.Time     // when this pass over the window began
	known  int64         // the first block that was never sent before this pass
	hasty  time.Duration // how soon in this pass an ACK came that was taken for a late one
	reach  int64         // how many blocks a pass usually brings
	again  int           // more gaps of blocks sent before their pass than of others
	blind  bool          // the timer began this pass
	asked  bool          // a repeated ACK was responded to since the last round trip

	read                  int64 // bytes of the file
	bytes, blocks, resent int64 // for the log: acknowledged, acknowledged, retransmitted

	state struct { // what the server sees meanwhile
		flowing atomic.Bool             // the client has acknowledged something
		silent  atomic.Int64            // after this time, in Unix ns, its silence is not a round trip
		again   atomic.Pointer[ReadReq] // its request, repeated, see await
	}
	ack [DatagramSize]byte
}

// run sends the file, after the option acknowledgment if there is one. It returns nil once
// the last block is acknowledged, and an *Err if the client ended the transfer.
func (s *sender) run(ctx context.Context, oack []byte) error {
	defer s.conn.wakeAfter(ctx)()
	s.stride = 4 + s.terms.blockSize
	s.first, s.at, s.next = 1, 1, 1
	if oack != nil {
		s.window, s.first, s.at, s.next = oack, 0, 0, 0
	}
	now := time.Now()
	s.timer.progressed, s.reach = now, int64(s.terms.windowSize)
	s.state.silent.Store(now.Add(min(s.timer.wait, time.Second)).UnixNano())
	for {
		if err := s.fill(); err != nil {
			return err
		}
		if s.ended && len(s.window) == 0 {
			return nil
		}
		if acted, err := s.transmit(); err != nil {
			return err
		} else if acted {
			continue
		}
		if err := s.await(ctx); err != nil {
			return err
		}
	}
}

// end returns the number of the block behind the window.
func (s *sender) end() int64 {
	if s.first == 0 {
		return int64(min(len(s.window), 1)) // the OACK, of any size
	}
	return s.first + int64((len(s.window)+s.stride-1)/s.stride)
}

// transmit sends what was not sent in this pass over the window. Between bursts it looks
// for an ACK: acted reports that one has changed what there is to send.
func (s *sender) transmit() (acted bool, err error) {
	for end := s.end(); s.at < end; {
		if s.at == s.first {
			s.passed, s.known, s.hasty = time.Now(), s.next, 0
		}
		some, pause := s.burst()
		b, size, n := s.window, len(s.window), int64(1) // the OACK
		if s.first > 0 {
			size, n = s.stride, min(end-s.at, some)
			from := int(s.at-s.first) * size
			b = b[from:min(len(b), from+int(n)*size)]
		}
		s.conn.send(b, size, s.client) // what cannot be sent is lost, and the timer expires
		s.resent += max(0, min(s.next, s.at+n)-s.at)
		s.at += n
		s.next = max(s.next, s.at)
		if s.at < end {
			if acted, err := s.look(pause); acted || err != nil {
				return acted, err
			}
		}
	}
	s.timer.start(time.Now())
	return false, nil
}

// burst returns how many blocks to send before looking for an ACK, and how long to wait for
// it. A client that keeps no block beyond a gap needs all of them again, and misses blocks
// that were sent before. Then much of a window would be sent for nothing: instead, a pass
// pauses for a round trip after as many blocks as passes usually bring.
func (s *sender) burst() (blocks int64, pause time.Duration) {
	blocks = int64(max(1, oneBurst/s.stride))
	if s.again > 1 {
		return min(blocks, max(4, s.reach)), s.timer.smoothed + s.timer.varied
	}
	return blocks, 0
}

// await returns when there is something to send: the client has acknowledged blocks, asks
// for some, or is silent.
func (s *sender) await(ctx context.Context) error {
	for {
		n, _, from, err := s.conn.receive(s.ack[:], s.timer.due, false)
		now := time.Now()
		switch {
		case err == nil:
			acted, full, err := s.received(s.ack[:n], from, now)
			if err != nil || !acted {
				if err != nil {
					return err
				}
				continue
			}
			if !full && s.terms.windowSize > 1 {
				_, err = s.look(0) // a newer ACK may ask for less
			}
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != os.ErrDeadlineExceeded:
			return err
		}
		if again := s.state.again.Load(); again != nil {
			// The client has repeated its request. If it is done with this transfer, its
			// last ACK or its ERROR came before, and waits here. Otherwise it is a duplicate.
			if acted, err := s.look(0); acted || err != nil {
				return err
			}
			s.state.again.CompareAndSwap(again, nil)
			continue
		}
		if now.Before(s.timer.due) {
			continue
		}
		if !s.timer.expire(now) {
			if s.finishing() {
				return errNoLastAck
			}
			return errNoAck
		}
		s.blind = true
		s.repeat()
		return nil
	}
}

// repeat begins another pass over the window.
func (s *sender) repeat() {
	s.at = s.first
	if s.hasty > 0 {
		s.timer.shortest = s.hasty // that ACK was not late: round trips are shorter
	}
}

// finishing reports whether the whole file was sent to a client that has responded.
func (s *sender) finishing() bool {
	return s.ended && s.next == s.end() && s.state.flowing.Load()
}

// look processes the packets that have arrived, or arrive within wait if none has. It
// reports whether they change what to send.
func (s *sender) look(wait time.Duration) (acted bool, err error) {
	for ; ; wait = 0 {
		n, from, ok := s.conn.poll(s.ack[:], wait)
		if !ok {
			return acted, nil
		}
		a, _, err := s.received(s.ack[:n], from, time.Now())
		if err != nil {
			return acted, err
		}
		acted = acted || a
	}
}

// received processes one packet. It reports whether the packet changes what to send, and
// whether all that was sent is acknowledged.
func (s *sender) received(b []byte, from netip.AddrPort, now time.Time) (acted, full bool, err error) {
	switch op := opCode(b); {
	case from != s.client:
		if op != OpErr { // an ERROR is never answered
			s.conn.sendErr(ErrUnknownID, "this port serves another client", from)
		}
		return false, false, nil
	case op == OpErr:
		var e Err
		e.UnmarshalBinary(b) // cannot fail: it is an ERROR
		return false, false, &e
	case op != OpAck || len(b) < 4:
		return false, false, nil
	}
	// 16-bit arithmetic finds the block although numbers start again after 65535. An ACK
	// cannot be about what was sent less than a round trip ago; half the shortest is safe.
	acked := int64(number(b) - uint16(s.first-1))
	elapsed := now.Sub(s.passed)
	switch {
	case acked > s.next-s.first:
		return false, false, nil // stale, or never sent
	case acked == 0:
		if s.first == 0 || elapsed <= s.explained() || s.asked && elapsed <= s.timer.timeout() {
			return false, false, nil
		}
		s.asked = true
		s.repeat()
		return true, false, nil
	}
	full = s.first+acked == s.next
	fresh := s.first+acked > s.known
	current := fresh || elapsed >= s.timer.shortest/2 // the ACK is about this pass
	if current && s.at == s.next {
		s.asked = false
		if !s.blind || fresh {
			s.timer.sample(elapsed)
		}
		if !s.blind || s.timer.usual(elapsed) {
			s.timer.wait = s.timer.timeout()
		} // else the timer may be too fast: wait for longer once, to see
		s.blind = false
	}
	s.acknowledge(acked)
	s.at = max(s.at, s.first)
	switch {
	case full:
		s.reach = (s.reach + int64(s.terms.windowSize)) / 2
	case current:
		s.reach = (s.reach + acked) / 2
		if s.first < s.known {
			s.again = min(s.again+1, 4)
		} else {
			s.again = max(s.again-1, 0)
		}
		s.at = s.first // a gap: RFC 7440 section 4 goes back to it
	default:
		s.hasty = elapsed
	}
	s.timer.progressed = now
	s.state.flowing.Store(true)
	s.state.silent.Store(now.Add(2 * s.timer.wait).UnixNano())
	return true, full, nil
}

// explained returns how long after sending block first an ACK of the block before it says
// nothing. To respond to a mere duplicate would double all later blocks, the Sorcerer's
// Apprentice of RFC 1123 section 4.2.3.1. In a window the ACK may tell that block first
// was lost. In lock-step only a client that has waited for long repeats its ACK.
func (s *sender) explained() time.Duration {
	if s.terms.windowSize > 1 && s.timer.smoothed > 0 {
		return s.timer.shortest / 2
	}
	return max(2*s.timer.smoothed, minWait/2)
}

// acknowledge drops the first n blocks of the window.
func (s *sender) acknowledge(n int64) {
	size := len(s.window)
	if s.first > 0 {
		size = min(int(n)*s.stride, size)
		s.bytes += int64(size) - 4*n
		s.blocks += n
	}
	s.window = s.window[:copy(s.window, s.window[size:])]
	s.first += n
}

// fill reads the file until the window is full. A block that is not full ends the file, so
// a file whose length is a multiple of the block size ends with an empty block.
func (s *sender) fill() error {
	if s.first == 0 {
		return nil // the OACK is in flight
	}
	for end := s.end(); !s.ended && end < s.first+int64(s.terms.windowSize); end++ {
		if room := cap(s.window) - len(s.window); room < s.stride {
			s.window = append(make([]byte, 0, s.windowBytes()), s.window...)
		}
		s.window = appendHeader(s.window, OpData, uint16(end))
		n, err := readBlock(s.file, s.window[len(s.window):len(s.window)+s.terms.blockSize])
		s.window = s.window[:len(s.window)+n]
		s.read += int64(n)
		switch {
		case err == io.EOF && s.read < s.terms.size:
			return fmt.Errorf("read: the file ends after %d of %d bytes: %w", s.read, s.terms.size, io.ErrUnexpectedEOF)
		case err == io.EOF:
			s.ended = true
			if s.state.flowing.Load() {
				s.timer.patience, s.timer.ceiling = min(s.timer.patience, lastWait), min(s.timer.ceiling, lastWait/10)
			}
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
	}
	return nil
}

// windowBytes returns how many bytes a full window takes, or what is left of the file.
func (s *sender) windowBytes() int {
	blocks := int64(s.terms.windowSize)
	if s.terms.size >= 0 {
		blocks = min(blocks, (s.terms.size-s.read)/int64(s.terms.blockSize)+1+s.end()-s.first)
	}
	return int(blocks) * s.stride
}

// readBlock fills b. At the file's end it returns io.EOF with what there was, unlike
// io.ReadFull, whose io.ErrUnexpectedEOF is also what readers return for a truncated file.
func readBlock(file io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = file.Read(b[n:])
		n += m
	}
	if n == len(b) && err == io.EOF {
		err = nil // the next read returns it again
	}
	return n, err
}
