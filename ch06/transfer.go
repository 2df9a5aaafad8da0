package ch06

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"sync/atomic"
)

// Copy with: types.go, request.go, options.go, link.go, lockstep_linux.go, lockstep_other.go, offload_linux.go, offload_other.go.

// The phases of a transfer tell the server what a new request from its client means.
const (
	halfOpen int32 = iota // nothing acknowledged yet: the client may be forged
	flowing
	stalled // retransmitting, after blocks were acknowledged
)

// transfer sends one file to one client. It keeps the blocks that the client has not
// acknowledged as the datagrams that they travel in, one behind the other.
type transfer struct {
	*link
	terms
	client netip.AddrPort
	file   io.Reader
	phase  atomic.Int32
	ending atomic.Bool   // the last block is on its way
	busy   *atomic.Int32 // how many transfers the server has

	window  []byte // datagrams in flight: each of stride bytes, the last perhaps fewer
	stride  int
	first   int64 // block number of the first in the window; 0 is the OACK
	ended   bool  // the window holds the last block
	trust   bool  // a repeated ACK means a gap, see await
	doubled bool  // an ACK was repeated since the last progress
	read    int64 // bytes of the file

	bytes, blocks, resent int64 // for the log: acknowledged, acknowledged, sent again
	answer                [DatagramSize]byte
}

// run sends the file, after the option acknowledgment where there is one. It returns nil
// once the last block is acknowledged, and an *Err where the client ended the transfer.
func (t *transfer) run(ctx context.Context, oack []byte) error {
	defer t.interrupt(ctx)()
	t.stride, t.first, t.trust = 4+t.blockSize, 1, true
	if sized, ok := t.conn.(interface{ SetWriteBuffer(int) error }); ok && t.stride > 8<<10 {
		// macOS sends no datagram that is larger than the send buffer, 9,216 bytes unless
		// it is asked for more. Where that is refused, smaller blocks still pass.
		sized.SetWriteBuffer(256 << 10)
	}
	if t.windowSize > 1 {
		t.cutWrites(t.stride)
	} else {
		t.step = newLockstep(t.conn, t.client, t.busy)
	}
	if oack != nil {
		t.window, t.first = oack, 0
	} else if err := t.fill(); err != nil {
		return err
	}
	for {
		size := t.stride
		if t.first == 0 {
			size = len(t.window) // the OACK is one datagram, however small the blocks
		}
		t.send(t.window, size, t.client)
		acked, err := t.await(ctx)
		if err == errResend {
			if t.first > 1 { // before that the client asks anew by itself
				t.phase.CompareAndSwap(flowing, stalled)
			}
		} else if err != nil {
			return err
		}
		t.drop(acked)
		if t.ended && len(t.window) == 0 {
			return nil
		}
		t.resent += int64(t.inFlight()) // what is left goes again, RFC 7440 section 4
		if err := t.fill(); err != nil {
			return err
		}
	}
}

// await returns how many blocks the client has acknowledged: at least one, or none where
// it has asked for the same window again.
//
// An ACK that is repeated must not be answered by sending again, or each further block
// travels twice, then for ever (RFC 1123 section 4.2.3.1). With windows it may also mean
// that the window's first block was lost. So it is taken for a gap, but not again until a
// window has passed without repetition: what we send twice is acknowledged twice.
func (t *transfer) await(ctx context.Context) (int, error) {
	for {
		n, _, from, err := t.receive(ctx, t.answer[:])
		if err != nil {
			return 0, err
		}
		b := t.answer[:n]
		if from != t.client {
			if opCode(b) != OpErr {
				t.sendErr(ErrUnknownID, "this port serves another client", from)
			}
			continue
		}
		switch opCode(b) {
		case OpAck:
			var ack Ack
			if ack.UnmarshalBinary(b) != nil {
				continue
			}
			// 16-bit arithmetic finds the block although numbers start again after 65535.
			switch acked := int(uint16(ack) - uint16(t.first-1)); {
			case acked == 0 && t.windowSize > 1 && t.first > 0:
				t.doubled = true
				if t.trust {
					t.trust = false
					return 0, nil
				}
			case acked > 0 && acked <= t.inFlight():
				t.trust, t.doubled = !t.doubled, false
				t.calm = t.timeout // a client that answers is waited for as it asked
				t.progress()
				return acked, nil
			}
		case OpErr:
			return 0, endOf(b)
		}
	}
}

// inFlight returns the number of blocks in the window.
func (t *transfer) inFlight() int {
	if t.first == 0 {
		return 1
	}
	return (len(t.window) + t.stride - 1) / t.stride
}

// drop forgets the first n blocks of the window: the client has them.
func (t *transfer) drop(n int) {
	switch {
	case n == 0:
		return
	case t.first == 0:
		t.window = nil
	default:
		size := min(n*t.stride, len(t.window))
		t.bytes += int64(size - 4*n)
		t.blocks += int64(n)
		t.window = t.window[:copy(t.window, t.window[size:])]
	}
	t.first += int64(n)
	t.phase.Store(flowing)
}

// fill reads the file until the window is full. A block that is not full ends the file,
// so one whose length is a multiple of the block size ends with an empty block.
func (t *transfer) fill() error {
	if t.first == 0 {
		return nil // the OACK is still in flight
	}
	if t.window == nil {
		blocks := int64(t.windowSize)
		if t.size >= 0 {
			blocks = min(blocks, t.size/int64(t.blockSize)+1)
		}
		t.window = make([]byte, 0, int(blocks)*t.stride)
	}
	for n := t.inFlight(); !t.ended && n < t.windowSize; n++ {
		if cap(t.window)-len(t.window) < t.stride { // the size was not known
			t.window = append(make([]byte, 0, t.windowSize*t.stride), t.window...)
		}
		t.window = appendHeader(t.window, OpData, uint16(t.first+int64(n)))
		got, err := readBlock(t.file, t.window[len(t.window):len(t.window)+t.blockSize])
		t.window = t.window[:len(t.window)+got]
		t.read += int64(got)
		switch {
		case err == io.EOF && t.read < t.size:
			return fmt.Errorf("read: the file ends after %d of %d bytes: %w", t.read, t.size, io.ErrUnexpectedEOF)
		case err == io.EOF:
			t.ended = true
			t.ending.Store(true)
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
	}
	return nil
}

// readBlock fills b. At the file's end it returns io.EOF with what there was, unlike
// io.ReadFull, whose io.ErrUnexpectedEOF is also what readers say of a file that was cut.
func readBlock(file io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = file.Read(b[n:])
		n += m
	}
	if n == len(b) && err == io.EOF {
		err = nil // the next read says so again
	}
	return n, err
}
