package ch06

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// Copy with: packets.go, options.go, conn.go.

const (
	oneBurst  = 256 << 10       // bytes to send before looking for an ACK
	lastWait  = 5 * time.Second // patience once the last window was sent,
	lastTries = 8               // and how often to retransmit at least
)

var (
	errNoAck     = fmt.Errorf("no acknowledgment: %w", os.ErrDeadlineExceeded)
	errNoLastAck = errors.New("sent, but the last ACK is missing")
)

// sender sends one file to one client, a window of blocks at a time (RFC 7440); in
// lock-step, as in RFC 1350, the window is one block. It keeps the blocks that are not
// acknowledged as the datagrams that they travel in, one behind the other. If the timer
// expires, or the client reports a gap or repeats an ACK, it goes back to the first of them.
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

	pass   pass
	gap    bool          // the client has reported one in this window
	heeded time.Duration // how late a repeated ACK came that was heeded since the last round trip; 0: none was
	late   time.Duration // how late those were that turned out to be mere duplicates
	reach  int64         // how many blocks a pass usually brings
	wasted int           // gaps at blocks sent before their pass, less other ends of passes; 0 to 4

	read                  int64 // bytes of the file
	bytes, blocks, resent int64 // for the log: acknowledged, acknowledged, retransmitted

	state struct { // what the server may use meanwhile
		flowing atomic.Bool             // the client has acknowledged something
		silent  atomic.Int64            // after this time, in Unix ns, it is silent for more than a round trip
		again   atomic.Pointer[ReadReq] // its request, repeated: see await
		passive atomic.Bool             // respond to ACKs only: its request began another transfer
	}
	begun func() // called at the first ACK
	ack   [DatagramSize]byte
}

// pass is one way through the window, from block first to its end.
type pass struct {
	began  time.Time
	known  int64         // the first block that was never sent before
	blind  bool          // blocks are sent twice that may have arrived
	paused bool          // its pauses are part of what a round trip would measure
	early  time.Duration // how soon an ACK came that was taken to be about the pass before
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
	s.timer.progress(now)
	s.reach = int64(s.terms.windowSize)
	s.state.silent.Store(now.Add(min(s.timer.wait, time.Second)).UnixNano())
	for {
		if err := s.fill(); err != nil {
			return err
		}
		if s.ended && len(s.window) == 0 {
			return nil
		}
		acted, err := s.transmit()
		if err == nil && !acted {
			err = s.await(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// fill reads the file until the window is full. A block that is not full ends the file, so
// a file whose length is a multiple of the block size ends with an empty block.
func (s *sender) fill() error {
	if s.first == 0 {
		return nil // the OACK is in flight
	}
	for end := s.end(); !s.ended && end < s.first+int64(s.terms.windowSize); end++ {
		if cap(s.window)-len(s.window) < s.stride {
			blocks := s.first + int64(s.terms.windowSize) - end
			if s.terms.size >= 0 { // a small file needs less; 0 may be an unknown size
				blocks = min(blocks, max(0, s.terms.size-s.read)/int64(s.terms.blockSize)+1)
			}
			s.window = slices.Grow(s.window, int(blocks)*s.stride)
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
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
	}
	return nil
}

// end returns the number of the block behind the window.
func (s *sender) end() int64 {
	if s.first == 0 {
		return 1 // the OACK, of any size
	}
	return s.first + int64((len(s.window)+s.stride-1)/s.stride)
}

// transmit sends the rest of the pass. Between bursts it looks for an ACK: acted reports
// that one has changed what there is to send.
func (s *sender) transmit() (acted bool, err error) {
	for end := s.end(); s.at < end; {
		if s.at == s.first {
			s.pass = pass{began: time.Now(), known: s.next, blind: s.pass.blind}
		}
		b, size, n, pause := s.window, len(s.window), int64(1), time.Duration(0) // the OACK
		if s.first > 0 {
			n, pause = s.burst()
			n = min(n, end-s.at)
			size = s.stride
			from := int(s.at-s.first) * size
			b = b[from:min(len(b), from+int(n)*size)]
		}
		s.conn.send(b, size, s.client)
		s.resent += max(0, min(s.next, s.at+n)-s.at)
		s.at += n
		s.next = max(s.next, s.at)
		if s.at < end {
			if acted, err = s.look(pause); acted || err != nil {
				return acted, err
			}
			s.pass.paused = pause > 0
		}
	}
	s.startTimer(time.Now())
	return false, nil
}

// startTimer lets the timer run. If only the last ACK seems to be missing, it expires more
// often, and after lastWait.
func (s *sender) startTimer(now time.Time) {
	if !s.finishing() {
		s.timer.start(now)
		return
	}
	s.timer.wait = min(s.timer.wait, max(lastWait/10, 2*s.timer.smoothed))
	s.timer.start(now)
	if end := s.timer.progressed.Add(lastWait); now.Before(end) && s.timer.due.After(end) {
		s.timer.due = end
	}
}

// finishing reports whether perhaps nothing but the last ACK is missing: the last window was
// sent, and the client has not reported a gap in it.
func (s *sender) finishing() bool {
	return s.ended && !s.gap && s.state.flowing.Load() && (s.blocks > 0 || s.end() == s.first+1)
}

// burst returns how many blocks to send before looking for an ACK, and how long to wait for
// it. A client that keeps no block beyond a gap needs all of them again, and misses blocks
// that were sent before. Much of a window would be sent for nothing then: instead, a pass
// pauses for a round trip after most of the blocks that a pass usually brings.
func (s *sender) burst() (blocks int64, pause time.Duration) {
	blocks = int64(max(1, oneBurst/s.stride))
	if s.wasted > 1 {
		return min(blocks, max(2, s.reach*2/3)), s.timer.smoothed + s.timer.varied
	}
	return blocks, 0
}

// await returns when there is something to send: the client has acknowledged blocks, asks
// for some, or is silent.
func (s *sender) await(ctx context.Context) error {
	for {
		n, _, from, err := s.conn.receive(s.ack[:], s.timer.due)
		now := time.Now()
		if err == nil {
			acted, err := s.received(s.ack[:n], from, now)
			if acted && err == nil && s.first < s.next && s.terms.windowSize > 1 {
				_, err = s.look(0) // a newer ACK may ask for less
			}
			if acted || err != nil {
				return err
			}
			continue
		}
		again := s.state.again.Load()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != os.ErrDeadlineExceeded:
			return err
		case again != nil:
			// The client has repeated its request. If it is done with this transfer, its
			// last ACK or its ERROR came before, and waits here. Otherwise it is a duplicate.
			if acted, err := s.look(0); acted || err != nil {
				return err
			}
			s.state.again.CompareAndSwap(again, nil)
			if !s.state.flowing.Load() && now.Sub(s.pass.began) >= 100*time.Millisecond {
				s.goBack(true) // the client has nothing yet
				return nil
			}
		case now.Before(s.timer.due): // the socket's deadline was earlier
		case s.finishing() && s.timer.tries >= lastTries && now.Sub(s.timer.progressed) >= max(lastWait, s.terms.timeout):
			return errNoLastAck
		case s.timer.expire(now):
			if !s.state.passive.Load() {
				s.goBack(true)
			}
			return nil
		case s.finishing():
			return errNoLastAck
		default:
			return errNoAck
		}
	}
}

// goBack begins another pass: transmit then sends from the first block on.
func (s *sender) goBack(blind bool) {
	s.at, s.pass.blind = s.first, blind
	if s.pass.early > 0 {
		s.timer.shortest = s.pass.early // that ACK was about this pass: round trips are shorter
	}
}

// look processes the packets that have arrived, or arrive within wait if none has. It
// reports whether they change what there is to send.
func (s *sender) look(wait time.Duration) (acted bool, err error) {
	for ; ; wait = 0 {
		n, from, ok := s.conn.poll(s.ack[:], wait)
		if !ok {
			return acted, nil
		}
		a, err := s.received(s.ack[:n], from, time.Now())
		if acted = acted || a; err != nil {
			return acted, err
		}
	}
}

// received processes one packet. It reports whether that changes what there is to send.
func (s *sender) received(b []byte, from netip.AddrPort, now time.Time) (acted bool, err error) {
	switch op := opCode(b); {
	case from != s.client:
		if op != OpErr { // an ERROR gets no response
			s.conn.sendErr(ErrUnknownID, "this port serves another client", from)
		}
	case op == OpErr:
		var e Err
		e.UnmarshalBinary(b) // cannot fail: it is an ERROR
		return false, &e
	case op == OpAck && len(b) >= 4: // some clients pad it
		// n is how many blocks of the window it acknowledges, in 16-bit arithmetic, since
		// numbers start again after 65535. 0 repeats the last ACK.
		n := int64(number(b) - uint16(s.first-1))
		switch {
		case n == 0 && s.first > 0:
			return s.repeated(now.Sub(s.pass.began)), nil
		case n > 0 && n <= s.next-s.first: // others are stale
			s.acknowledged(n, now)
			return true, nil
		}
	}
	return false, nil
}

// repeated processes another ACK of the block before first. In a window it may tell that
// block first was lost; in lock-step only a client that has waited for long repeats itself.
// To respond to a mere duplicate would double all later blocks, the Sorcerer's Apprentice
// of RFC 1123 section 4.2.3.1. An ACK that comes too soon after a pass began cannot be about
// that pass, and is ignored. In a window, too soon is half of the shortest round trip, or
// late, once mere duplicates came later than that.
func (s *sender) repeated(elapsed time.Duration) (acted bool) {
	soon := max(2*s.timer.smoothed, minWait/2)
	if s.terms.windowSize > 1 && s.timer.smoothed > 0 {
		soon = max(s.timer.shortest/2, min(s.late, s.timer.smoothed))
	}
	if s.heeded > 0 || s.timer.wait > s.timer.timeout() { // once is enough, and the timer may be too fast
		soon = s.timer.wait
	}
	if elapsed <= soon {
		return false
	}
	s.heeded = elapsed
	s.goBack(true)
	return true
}

// acknowledged processes an ACK of the first n blocks of the window.
func (s *sender) acknowledged(n int64, now time.Time) {
	elapsed := now.Sub(s.pass.began)
	fresh := s.first+n > s.pass.known // it is about this pass, or else about one of two copies
	current := fresh || elapsed >= s.timer.shortest/2
	if !current && s.heeded > 0 { // that pass was for nothing
		s.late = max(s.late, s.heeded*5/4)
	}
	if current && s.at == s.next {
		if fresh || !s.pass.blind { // else nobody knows which copy it is about
			if !s.pass.paused {
				s.timer.sample(elapsed)
			}
			if s.timer.usual(elapsed) {
				s.timer.wait = s.timer.timeout()
			} // else the timer may be too fast: keep the longer wait, to see
			s.heeded = 0
		}
		s.pass.blind = false
	}

	size := len(s.window) // of the OACK
	if s.first > 0 {
		size = min(int(n)*s.stride, size)
		s.bytes += int64(size) - 4*n
		s.blocks += n
	}
	s.window = s.window[:copy(s.window, s.window[size:])]
	s.first += n
	s.at = max(s.at, s.first)
	s.timer.progress(now)
	s.state.passive.Store(false)
	if !s.state.flowing.Swap(true) {
		s.begun()
	}
	s.state.silent.Store(now.Add(2 * s.timer.wait).UnixNano())

	switch {
	case s.first == s.next:
		s.gap = false
		s.reach, s.wasted = (s.reach+int64(s.terms.windowSize))/2, max(s.wasted-1, 0)
	case current: // a gap, RFC 7440 section 4
		s.gap = true
		s.reach = (s.reach + n) / 2
		if s.first < s.pass.known {
			s.wasted = min(s.wasted+1, 4)
		} else {
			s.wasted = max(s.wasted-1, 0)
		}
		s.goBack(false)
	default: // it is late: the client has received more since
		s.pass.early = elapsed
	}
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
