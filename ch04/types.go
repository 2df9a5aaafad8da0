package ch04

import (
	"errors"
	"fmt"
	"io"
)

// Copy with: types_wire.go.

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
