package ch06

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Copy with: types.go.

// Option is one option with its value as text, RFC 2347. Names are case-insensitive.
type Option struct {
	Name, Value string
}

// ReadReq asks for a file, RFC 1350 section 5 with the options of RFC 2347:
//
//	2 bytes   string     1 byte  string  1 byte   string   1 byte   string   1 byte
//	| RRQ   | Filename |   0   |  Mode |   0   |  option |   0   |   value |   0   | ...
//
// The strings must not hold a zero byte, and the whole must not pass 516 bytes.
type ReadReq struct {
	Filename string
	Mode     string   // "octet", in any case; empty is marshaled as "octet"
	Options  []Option // in the order in which they were sent
}

// AppendBinary appends the packet to b.
func (q *ReadReq) AppendBinary(b []byte) ([]byte, error) {
	mode := q.Mode
	if mode == "" {
		mode = "octet"
	}
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, uint16(OpRRQ))
	b, err := appendStrings(b, q.Filename, mode)
	if err == nil {
		b, err = appendOptions(b, q.Options)
	}
	if err != nil {
		return nil, fmt.Errorf("tftp: read request: %w", err)
	}
	if n := len(b) - start; q.Filename == "" || n > maxRequestSize {
		return nil, fmt.Errorf("tftp: read request for %.40q: %d bytes, want a name and at most %d bytes", q.Filename, n, maxRequestSize)
	}
	return b, nil
}

// MarshalBinary returns the packet.
func (q *ReadReq) MarshalBinary() ([]byte, error) { return q.AppendBinary(nil) }

// UnmarshalBinary takes the packet apart. It keeps nothing of b.
func (q *ReadReq) UnmarshalBinary(b []byte) error {
	switch {
	case opCode(b) != OpRRQ:
		return fmt.Errorf("%w: %v in place of RRQ", ErrMalformed, opCode(b))
	case len(b) > maxRequestSize:
		return fmt.Errorf("%w: request of %d bytes, limit %d", ErrMalformed, len(b), maxRequestSize)
	case b[len(b)-1] != 0:
		return fmt.Errorf("%w: request without a zero byte at its end", ErrMalformed)
	}
	name, rest, _ := strings.Cut(string(b[2:]), "\x00")
	mode, rest, found := strings.Cut(rest, "\x00")
	switch {
	case name == "":
		return fmt.Errorf("%w: request without a file name", ErrMalformed)
	case !found || mode == "":
		return fmt.Errorf("%w: request for %.40q without a mode", ErrMalformed, name)
	}
	options, err := parseOptions(rest)
	if err != nil {
		return err
	}
	*q = ReadReq{Filename: name, Mode: mode, Options: options}
	return nil
}

// OptionAck names the options that the server accepts, with the values that it grants,
// RFC 2347. Options that it leaves out are refused.
//
//	2 bytes   string  1 byte   string   1 byte
//	| OACK  | option |   0   |   value |   0   | ...
type OptionAck struct {
	Options []Option
}

// AppendBinary appends the packet to b.
func (o *OptionAck) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	b, err := appendOptions(binary.BigEndian.AppendUint16(b, uint16(OpOAck)), o.Options)
	if err != nil {
		return nil, fmt.Errorf("tftp: option acknowledgment: %w", err)
	}
	if n := len(b) - start; n > maxRequestSize {
		return nil, fmt.Errorf("tftp: option acknowledgment of %d bytes, limit %d", n, maxRequestSize)
	}
	return b, nil
}

// MarshalBinary returns the packet.
func (o *OptionAck) MarshalBinary() ([]byte, error) { return o.AppendBinary(nil) }

// UnmarshalBinary takes the packet apart. It keeps nothing of b.
func (o *OptionAck) UnmarshalBinary(b []byte) error {
	switch {
	case opCode(b) != OpOAck:
		return fmt.Errorf("%w: %v in place of OACK", ErrMalformed, opCode(b))
	case len(b) > maxRequestSize:
		return fmt.Errorf("%w: OACK of %d bytes, limit %d", ErrMalformed, len(b), maxRequestSize)
	}
	options, err := parseOptions(string(b[2:]))
	if err != nil {
		return err
	}
	o.Options = options
	return nil
}

// appendOptions appends the name and value of each option.
func appendOptions(b []byte, options []Option) ([]byte, error) {
	for _, o := range options {
		var err error
		if b, err = appendStrings(b, o.Name, o.Value); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// parseOptions is the inverse of appendOptions.
func parseOptions(s string) ([]Option, error) {
	var options []Option
	for s != "" {
		name, rest, _ := strings.Cut(s, "\x00")
		value, rest, found := strings.Cut(rest, "\x00")
		if !found {
			return nil, fmt.Errorf("%w: option %.40q without a value that ends in a zero byte", ErrMalformed, name)
		}
		options = append(options, Option{name, value})
		s = rest
	}
	return options, nil
}

// appendStrings appends each string and its zero byte.
func appendStrings(b []byte, all ...string) ([]byte, error) {
	for _, s := range all {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, fmt.Errorf("zero byte in %.40q", s)
		}
		b = append(append(b, s...), 0)
	}
	return b, nil
}
