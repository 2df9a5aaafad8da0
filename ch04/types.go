package ch04

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The types of value that Decode knows. Zero is not one: zero bytes are an error at once.
const (
	BinaryType uint8 = iota + 1
	StringType
)

// MaxPayloadSize is the largest payload in bytes, or a header could claim all our memory.
const MaxPayloadSize uint32 = 10 << 20 // 10 MiB

// ErrMaxPayloadSize reports a payload above MaxPayloadSize, sent or received.
var ErrMaxPayloadSize = errors.New("tlv: payload too large")

// A TypeError reports a value whose type is not the wanted one.
type TypeError struct {
	Got  uint8 // the type byte on the wire
	Want uint8 // the receiver's type; 0 is Decode, which does not know Got
}

func (e *TypeError) Error() string {
	if e.Want == 0 {
		return fmt.Sprintf("tlv: unknown type %d", e.Got)
	}
	return fmt.Sprintf("tlv: type %d, want %d", e.Got, e.Want)
}

// A Payload is one value of a stream of type-length-value messages: a byte for the type,
// four for the length of the payload, big endian, and the payload.
//
// WriteTo sends a value by one Write, so that the header never travels in a segment of its
// own, or nothing and returns ErrMaxPayloadSize. ReadFrom, unlike others, reads one value
// and not a byte more. It returns the errors of Decode, and a *TypeError for a value of
// another type. Both return the number of bytes that passed, also with an error. After an
// error the payload is empty, and but for io.EOF the stream is out of step: close it.
type Payload interface {
	fmt.Stringer
	io.ReaderFrom
	io.WriterTo
	Bytes() []byte
}

// Binary is a payload of any bytes; *Binary is a Payload, since ReadFrom changes it.
// ReadFrom reuses the memory that m holds: what Bytes returned before is overwritten.
type Binary []byte

// Bytes returns the payload itself, not a copy.
func (m Binary) Bytes() []byte { return m }

// String returns the payload as a string, copied.
func (m Binary) String() string { return string(m) }

// WriteTo writes m as one value. See Payload.
func (m Binary) WriteTo(w io.Writer) (int64, error) { return tlvWrite(w, BinaryType, m) }

// ReadFrom reads one value of BinaryType into m. See Payload.
func (m *Binary) ReadFrom(r io.Reader) (int64, error) {
	_, p, n, err := tlvRead(r, BinaryType, *m)
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
func (m String) WriteTo(w io.Writer) (int64, error) { return tlvWrite(w, StringType, []byte(m)) }

// ReadFrom reads one value of StringType into m. See Payload.
func (m *String) ReadFrom(r io.Reader) (int64, error) {
	_, p, n, err := tlvRead(r, StringType, nil)
	*m = String(p)
	return n, err
}

// Decode reads one value and returns it as *Binary or *String. Its errors are io.EOF if r
// ends before a value, io.ErrUnexpectedEOF if r ends inside one, a *TypeError for an
// unknown type, ErrMaxPayloadSize for a length above the limit, or what r returned, wrapped.
// A length is a claim, not a fact: memory grows with the bytes that arrive, to three times
// their number at most, plus 64 KiB. Decode reads twice per value: put a bufio.Reader under
// it if values are small and many.
func Decode(r io.Reader) (Payload, error) {
	typ, p, _, err := tlvRead(r, 0, nil)
	if err != nil {
		return nil, err
	} else if typ == StringType {
		s := String(p)
		return &s, nil
	}
	m := Binary(p)
	return &m, nil
}

const tlvHeader, tlvChunk = 5, 64 << 10 // type and length; bytes that we trust a length for

// tlvRead reads a value into the memory of buf, as far as it suffices. want 0 is any type.
func tlvRead(r io.Reader, want uint8, buf []byte) (typ uint8, p []byte, n int64, err error) {
	if cap(buf) < tlvHeader {
		buf = make([]byte, 0, 64) // enough for a small value, too
	}
	head := buf[:tlvHeader]
	got, err := io.ReadFull(r, head)
	p, n = buf[:0], int64(got)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, p, n, err // unwrapped: read loops compare io.EOF directly
	} else if err != nil {
		return 0, p, n, fmt.Errorf("tlv: header: %w", err)
	}
	typ, size := head[0], binary.BigEndian.Uint32(head[1:])
	if known := typ == BinaryType || typ == StringType; !known || want != 0 && typ != want {
		return 0, p, n, &TypeError{Got: typ, Want: want}
	} else if size > MaxPayloadSize {
		return 0, p, n, fmt.Errorf("%w: %d bytes, limit %d", ErrMaxPayloadSize, size, MaxPayloadSize)
	}
	for len(p) < int(size) {
		have := len(p) // double it: a peer that claims 10 MiB has to send 5 first
		next := min(max(have+tlvChunk, 2*have, cap(p)), int(size))
		if next > cap(p) {
			p = append(make([]byte, 0, next), p...)
		}
		got, err := io.ReadFull(r, p[have:next])
		p, n = p[:have+got], n+int64(got)
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, p[:0], n, io.ErrUnexpectedEOF // more was promised
		} else if err != nil {
			return 0, p[:0], n, fmt.Errorf("tlv: %d-byte payload: %w", size, err)
		}
	}
	return typ, p, n, nil
}

func tlvWrite(w io.Writer, typ uint8, p []byte) (int64, error) {
	if len(p) > int(MaxPayloadSize) {
		return 0, fmt.Errorf("%w: %d bytes, limit %d", ErrMaxPayloadSize, len(p), MaxPayloadSize)
	}
	value := append(make([]byte, 0, tlvHeader+len(p)), typ)
	value = binary.BigEndian.AppendUint32(value, uint32(len(p)))
	value = append(value, p...) // copying costs less than a second segment
	n, err := w.Write(value)
	if err == nil && n < len(value) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = fmt.Errorf("tlv: write: %w", err)
	}
	return int64(n), err
}
