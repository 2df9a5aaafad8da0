package ch06

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
)

const (
	BlockSize    = 512           // bytes in a block without the blksize option, RFC 1350
	DatagramSize = 4 + BlockSize // the largest packet without options
	MaxBlockSize = 65464         // RFC 2348: the largest that fits a datagram over IPv4
)

// ErrMalformed matches, by errors.Is, each error that an UnmarshalBinary returns: the
// bytes are not the packet that they were taken for.
var ErrMalformed = errors.New("malformed packet")

// OpCode is the first field of each packet, RFC 1350 section 5 and RFC 2347.
type OpCode uint16

const (
	OpRRQ  OpCode = iota + 1 // read request
	OpWRQ                    // write request
	OpData                   // one block of the file
	OpAck                    // acknowledgment of a block
	OpErr                    // an error, which ends the transfer
	OpOAck                   // option acknowledgment
)

// String returns the name that the RFCs use, as "RRQ".
func (c OpCode) String() string {
	names := [...]string{OpRRQ: "RRQ", OpWRQ: "WRQ", OpData: "DATA", OpAck: "ACK", OpErr: "ERROR", OpOAck: "OACK"}
	if int(c) < len(names) && c != 0 {
		return names[c]
	}
	return fmt.Sprintf("opcode %d", uint16(c))
}

// opCode returns the opcode of the datagram b, or 0 if b is too short to have one.
func opCode(b []byte) OpCode {
	if len(b) < 2 {
		return 0
	}
	return OpCode(binary.BigEndian.Uint16(b))
}

// number returns the second field of a DATA, ACK or ERROR of at least four bytes.
func number(b []byte) uint16 { return binary.BigEndian.Uint16(b[2:]) }

// appendHeader appends the four bytes that DATA, ACK and ERROR begin with.
func appendHeader(b []byte, op OpCode, number uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, uint16(op)), number)
}

// wantPacket returns an error that matches ErrMalformed unless b is a packet op of at
// least size bytes.
func wantPacket(b []byte, op OpCode, size int) error {
	if got := opCode(b); got != op {
		return fmt.Errorf("%w: %v, want %v", ErrMalformed, got, op)
	}
	if len(b) < size {
		return fmt.Errorf("%w: %v of %d bytes, want at least %d", ErrMalformed, op, len(b), size)
	}
	return nil
}

// ReadReq asks for a file, RFC 1350 section 5 with the options of RFC 2347:
//
//	2 bytes   string     1 byte  string  1 byte   string   1 byte   string   1 byte
//	| RRQ   | Filename |   0   |  Mode |   0   |  option |   0   |   value |   0   | ...
//
// No string may hold a zero byte, and the packet may not exceed 516 bytes.
type ReadReq struct {
	Filename string   // bytes, not necessarily UTF-8
	Mode     string   // "octet", in any case; empty is marshaled as "octet"
	Options  []Option // in the order in which they were sent
}

// Option is one option with its value as text, RFC 2347. Names are case-insensitive.
type Option struct {
	Name, Value string
}

// MarshalBinary returns the packet.
func (q *ReadReq) MarshalBinary() ([]byte, error) {
	if q.Filename == "" {
		return nil, errors.New("tftp: read request without a file name")
	}
	return marshalStrings(OpRRQ, []string{q.Filename, cmp.Or(q.Mode, "octet")}, q.Options)
}

// UnmarshalBinary parses the packet and keeps nothing of b. It skips options without a name
// or a value, and zero bytes at the end, with which some boards pad.
func (q *ReadReq) UnmarshalBinary(b []byte) error {
	if err := wantPacket(b, OpRRQ, 2); err != nil {
		return err
	}
	if size := len(bytes.TrimRight(b, "\x00")) + 1; size > DatagramSize {
		return fmt.Errorf("%w: RRQ of %d bytes, limit %d", ErrMalformed, size, DatagramSize)
	}
	name, rest, _ := strings.Cut(string(b[2:]), "\x00")
	mode, rest, ended := strings.Cut(rest, "\x00")
	switch {
	case name == "":
		return fmt.Errorf("%w: RRQ without a file name", ErrMalformed)
	case mode == "" || !ended:
		return fmt.Errorf("%w: RRQ for %.40q without a mode that ends in a zero byte", ErrMalformed, name)
	}
	*q = ReadReq{Filename: name, Mode: mode, Options: parseOptions(rest)}
	return nil
}

// OptionAck names the options that the server accepts, with the values that it grants,
// RFC 2347. The server refuses an option by leaving it out.
//
//	2 bytes   string  1 byte   string   1 byte
//	| OACK  | option |   0   |   value |   0   | ...
type OptionAck struct {
	Options []Option
}

// MarshalBinary returns the packet.
func (o *OptionAck) MarshalBinary() ([]byte, error) {
	if len(o.Options) == 0 {
		return nil, errors.New("tftp: option acknowledgment without options")
	}
	return marshalStrings(OpOAck, nil, o.Options)
}

// UnmarshalBinary parses the packet, as liberally as a ReadReq, and keeps nothing of b. It
// ignores what is beyond 516 bytes.
func (o *OptionAck) UnmarshalBinary(b []byte) error {
	if err := wantPacket(b, OpOAck, 4); err != nil {
		return err
	}
	o.Options = parseOptions(string(b[2:min(len(b), DatagramSize)]))
	return nil
}

// marshalStrings returns a packet of strings, each with its zero byte.
func marshalStrings(op OpCode, all []string, options []Option) ([]byte, error) {
	for _, o := range options {
		all = append(all, o.Name, o.Value)
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(op))
	for _, s := range all {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, fmt.Errorf("tftp: %v: zero byte in %.40q", op, s)
		}
		b = append(append(b, s...), 0)
	}
	if len(b) > DatagramSize {
		return nil, fmt.Errorf("tftp: %v of %d bytes, limit %d", op, len(b), DatagramSize)
	}
	return b, nil
}

// parseOptions returns the options in s. Some peers leave a value out, or send bytes of
// their buffer behind the last one.
func parseOptions(s string) []Option {
	var options []Option
	for {
		name, rest, _ := strings.Cut(s, "\x00")
		value, rest, ended := strings.Cut(rest, "\x00")
		if !ended {
			return options
		}
		if name != "" && value != "" {
			options = append(options, Option{name, value})
		}
		s = rest
	}
}

// ErrCode is the code of an ERROR packet, RFC 1350's appendix and RFC 2347.
// It is an error, so that errors.Is(err, ErrNotFound) recognizes one.
type ErrCode uint16

const (
	ErrUnknown         ErrCode = iota // not defined, see the message
	ErrNotFound                       // also matches fs.ErrNotExist
	ErrAccessViolation                // also matches fs.ErrPermission
	ErrDiskFull
	ErrIllegalOp
	ErrUnknownID
	ErrFileExists // also matches fs.ErrExist
	ErrNoUser
	ErrOptions // RFC 2347: the options were refused
)

// Error returns what the code means, in the words of the RFCs.
func (c ErrCode) Error() string {
	names := [...]string{
		"not defined", "file not found", "access violation",
		"disk full or allocation exceeded", "illegal TFTP operation", "unknown transfer ID",
		"file already exists", "no such user", "option negotiation failed",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("error code %d", uint16(c))
}

// Is makes a code match the error that package os has for the same fault of a local file.
func (c ErrCode) Is(target error) bool {
	return c == ErrNotFound && target == fs.ErrNotExist ||
		c == ErrAccessViolation && target == fs.ErrPermission ||
		c == ErrFileExists && target == fs.ErrExist
}

// Err ends a transfer. *Err is an error: errors.As finds it in what Client.Get returns,
// and errors.Is finds its code.
//
//	2 bytes    2 bytes      string   1 byte
//	| ERROR | ErrorCode |   ErrMsg |   0  |
type Err struct {
	Code    ErrCode
	Message string // for people; without a zero byte, and at most 511 bytes
}

// Error returns the code and the printable part of the message, or what the code means.
func (e *Err) Error() string {
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, e.Message)
	return fmt.Sprintf("ERROR %d: %s", uint16(e.Code), cmp.Or(printable, e.Code.Error()))
}

// Unwrap returns the code.
func (e *Err) Unwrap() error { return e.Code }

// MarshalBinary returns the packet.
func (e *Err) MarshalBinary() ([]byte, error) {
	if len(e.Message) >= BlockSize || strings.IndexByte(e.Message, 0) >= 0 {
		return nil, fmt.Errorf("tftp: error message %.40q of %d bytes, want at most %d and no zero byte", e.Message, len(e.Message), BlockSize-1)
	}
	return append(append(appendHeader(nil, OpErr, uint16(e.Code)), e.Message...), 0), nil
}

// UnmarshalBinary parses the packet and keeps nothing of b. Some peers leave out the zero
// byte, or the code; whatever they send, an ERROR ends a transfer and gets no response.
func (e *Err) UnmarshalBinary(b []byte) error {
	if err := wantPacket(b, OpErr, 2); err != nil {
		return err
	}
	*e = Err{}
	if len(b) >= 4 {
		message, _, _ := bytes.Cut(b[4:min(len(b), DatagramSize-1)], []byte{0})
		*e = Err{ErrCode(number(b)), string(message)}
	}
	return nil
}
