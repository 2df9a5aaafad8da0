package ch04

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// The types of value that Decode knows. Zero is no type, so that a stream of
// zero bytes is an error at once.
const (
	BinaryType uint8 = iota + 1
	StringType
)

// MaxPayloadSize is the largest payload in bytes, header not counted. Without a
// limit, four bytes from a stranger would decide how much memory we spend.
const MaxPayloadSize uint32 = 10 << 20 // 10 MiB

// ErrMaxPayloadSize reports a payload above MaxPayloadSize, sent or received.
var ErrMaxPayloadSize = errors.New("tlv: payload too large")

// A TypeError reports a value whose type is not the wanted one.
type TypeError struct {
	Got  uint8 // the type byte on the wire
	Want uint8 // the receiver's type; 0: Decode, which knows no type Got
}

func (e *TypeError) Error() string {
	if e.Want == 0 {
		return fmt.Sprintf("tlv: unknown type %d", e.Got)
	}
	return fmt.Sprintf("tlv: type %d, want %d", e.Got, e.Want)
}

// A Payload is one value of a stream of type-length-value messages:
//
//	 1 byte   4 bytes, big endian     length bytes
//	+-------+-----------------------+----------------+
//	| type  | length of the payload | payload        |
//	+-------+-----------------------+----------------+
//
// WriteTo sends header and payload with a single Write (or a single writev), so
// the header never travels in a segment of its own. It sends nothing and returns
// ErrMaxPayloadSize if the payload is too large, and io.ErrShortWrite if the
// writer took less than it was given without saying why.
//
// ReadFrom reads exactly one value and not a byte more; unlike other ReadFroms it
// does not go on until io.EOF. It returns the errors that Decode returns, and a
// *TypeError if the value is of another type. After an error the payload is empty.
//
// Both return the number of bytes that passed, header included, also with an
// error. After any error but io.EOF the stream is out of step: close it. The
// methods are not safe for concurrent use. Not for datagrams: a datagram already
// says how long it is.
type Payload interface {
	fmt.Stringer
	io.ReaderFrom
	io.WriterTo
	Bytes() []byte
}

// Binary is a payload of any bytes; *Binary is a Payload, since ReadFrom changes it.
// ReadFrom reuses the memory that m holds and allocates nothing while that suffices:
// what Bytes returned before is then overwritten.
type Binary []byte

// Bytes returns the payload itself, not a copy.
func (m Binary) Bytes() []byte { return m }

// String returns the payload as a string, copied.
func (m Binary) String() string { return string(m) }

// WriteTo writes m as one value. See Payload.
func (m Binary) WriteTo(w io.Writer) (int64, error) { return tlvWrite(w, BinaryType, m) }

// ReadFrom reads one value of BinaryType into m. See Payload.
func (m *Binary) ReadFrom(r io.Reader) (int64, error) {
	p, n, err := tlvRead(r, BinaryType, *m)
	*m = p
	return n, err
}

// String is a payload of text; *String is a Payload. Nothing checks that it is UTF-8.
type String string

// Bytes returns a copy of the payload.
func (m String) Bytes() []byte { return []byte(m) }

// String returns the payload.
func (m String) String() string { return string(m) }

// WriteTo writes m as one value. See Payload.
func (m String) WriteTo(w io.Writer) (int64, error) { return tlvWrite(w, StringType, m) }

// ReadFrom reads one value of StringType into m. See Payload.
func (m *String) ReadFrom(r io.Reader) (int64, error) {
	buf := tlvScratch.Get().(*[]byte)
	defer tlvRelease(buf)
	p, n, err := tlvRead(r, StringType, *buf)
	*buf, *m = p, String(p)
	return n, err
}

// Decode reads one value and returns it as *Binary or *String. Its errors are
// io.EOF if r ends before a value, io.ErrUnexpectedEOF if r ends inside one, a
// *TypeError for an unknown type, ErrMaxPayloadSize for a length above the limit,
// or what r returned, wrapped.
//
// A length is a claim, not a fact: memory grows with the bytes that arrive, to three
// times their number at most, plus 64 KiB. A value takes two allocations, one for
// the Payload and one for its bytes; above 64 KiB it takes a few more.
//
// Decode reads a header and a payload: put a bufio.Reader under it where values
// are small and many.
func Decode(r io.Reader) (Payload, error) {
	buf := tlvScratch.Get().(*[]byte)
	defer tlvRelease(buf)
	typ, size, _, err := tlvReadHeader(r, *buf)
	if err != nil {
		return nil, err
	}
	switch typ {
	case BinaryType:
		p, _, err := tlvReadValue(r, nil, size)
		if err != nil {
			return nil, err
		}
		return (*Binary)(&p), nil
	case StringType:
		p, _, err := tlvReadValue(r, *buf, size)
		*buf = p // it may have grown
		if err != nil {
			return nil, err
		}
		s := String(p)
		return &s, nil
	}
	return nil, &TypeError{Got: typ}
}

const (
	tlvHeader = 5        // bytes: type and length
	tlvChunk  = 64 << 10 // 64 KiB: what we trust a header to announce unseen
)

// tlvScratch spares each call a buffer of its own: behind an io.Reader or an
// io.Writer even five bytes escape to the heap.
var tlvScratch = sync.Pool{New: func() any { b := make([]byte, 512); return &b }}

// tlvRelease keeps small buffers only, or one large value would pin its memory.
func tlvRelease(buf *[]byte) {
	if cap(*buf) <= tlvHeader+tlvChunk {
		*buf = (*buf)[:cap(*buf)]
		tlvScratch.Put(buf)
	}
}

func tlvRead(r io.Reader, want uint8, dst []byte) ([]byte, int64, error) {
	buf := tlvScratch.Get().(*[]byte)
	typ, size, n, err := tlvReadHeader(r, *buf)
	tlvRelease(buf)
	if err == nil && typ != want {
		err = &TypeError{Got: typ, Want: want}
	}
	if err != nil {
		return dst[:0], n, err
	}
	p, m, err := tlvReadValue(r, dst, size)
	if err != nil {
		p = p[:0]
	}
	return p, n + m, err
}

func tlvReadHeader(r io.Reader, buf []byte) (typ uint8, size uint32, n int64, err error) {
	head := buf[:tlvHeader]
	got, err := io.ReadFull(r, head)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, 0, int64(got), err // unwrapped: read loops compare io.EOF directly
	} else if err != nil {
		return 0, 0, int64(got), fmt.Errorf("tlv: header: %w", err)
	}
	return head[0], binary.BigEndian.Uint32(head[1:]), int64(got), nil
}

func tlvReadValue(r io.Reader, dst []byte, size uint32) ([]byte, int64, error) {
	if size > MaxPayloadSize {
		return dst[:0], 0, fmt.Errorf("%w: %d bytes, limit %d",
			ErrMaxPayloadSize, size, MaxPayloadSize)
	}
	if dst == nil {
		dst = []byte{} // an empty payload is not a missing one
	}
	dst = dst[:0]
	for len(dst) < int(size) {
		// What the buffer holds already costs nothing. Beyond that, double what has
		// arrived: a peer that claims 10 MiB has to send 5 before we make room for 10.
		have := len(dst)
		next := min(max(have+tlvChunk, 2*have, cap(dst)), int(size))
		if next > cap(dst) {
			dst = append(make([]byte, 0, next), dst...)
		}
		dst = dst[:next]
		n, err := io.ReadFull(r, dst[have:])
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return dst[:have+n], int64(have + n), io.ErrUnexpectedEOF // more was promised
		} else if err != nil {
			return dst[:have+n], int64(have + n), fmt.Errorf("tlv: %d-byte payload: %w", size, err)
		}
	}
	return dst, int64(len(dst)), nil
}

func tlvWrite[T Binary | String](w io.Writer, typ uint8, value T) (int64, error) {
	if uint64(len(value)) > uint64(MaxPayloadSize) {
		return 0, fmt.Errorf("%w: %d bytes, limit %d",
			ErrMaxPayloadSize, len(value), MaxPayloadSize)
	}
	buf := tlvScratch.Get().(*[]byte)
	defer tlvRelease(buf)
	head := append((*buf)[:0], typ)
	head = binary.BigEndian.AppendUint32(head, uint32(len(value)))
	var n int64
	var err error
	if large, ok := any(value).(Binary); ok && len(value) > tlvChunk && tlvWritev(w) {
		n, err = (&net.Buffers{head, large}).WriteTo(w) // one system call, nothing copied
	} else {
		*buf = append(head, value...) // copying costs less than a second segment
		var m int
		m, err = w.Write(*buf)
		n = int64(m)
	}
	if err == nil && n < tlvHeader+int64(len(value)) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return n, fmt.Errorf("tlv: write: %w", err)
	}
	return n, nil
}

// tlvWritev reports whether net.Buffers goes to w as one writev. To any other
// writer it would be one Write for the header and one for the payload.
func tlvWritev(w io.Writer) bool {
	switch w.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}
