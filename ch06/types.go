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
	BlockSize      = 512           // bytes in a block where no option says otherwise, RFC 1350
	DatagramSize   = 4 + BlockSize // the largest datagram without options
	MaxBlockSize   = 65464         // RFC 2348: the largest that fits a UDP datagram over IPv4
	maxRequestSize = DatagramSize  // RFC 2347 allows a request 512 bytes
)

// ErrMalformed matches, by errors.Is, each error that an UnmarshalBinary of this package
// returns: the bytes are not the packet that they were taken for.
var ErrMalformed = errors.New("tftp: malformed packet")

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
	if int(c) < len(names) && names[c] != "" {
		return names[c]
	}
	return fmt.Sprintf("opcode %d", uint16(c))
}

// opCode returns the opcode of the datagram b, or 0, which is none, where b is too short.
func opCode(b []byte) OpCode {
	if len(b) < 2 {
		return 0
	}
	return OpCode(binary.BigEndian.Uint16(b))
}

// ErrCode is the code of an ERROR packet, RFC 1350's appendix and RFC 2347.
// It is an error of its own, so that errors.Is(err, ErrNotFound) recognizes one.
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

// String returns what the code means, in the words of the RFCs.
func (c ErrCode) String() string {
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

// Error returns the same text as String.
func (c ErrCode) Error() string { return c.String() }

// Is makes the codes match what the os package would have said of a local file.
func (c ErrCode) Is(target error) bool {
	return c == ErrNotFound && target == fs.ErrNotExist ||
		c == ErrAccessViolation && target == fs.ErrPermission ||
		c == ErrFileExists && target == fs.ErrExist
}

// Data carries one block of the file; one shorter than the block size is the last.
//
//	2 bytes   2 bytes   n bytes
//	| DATA  | Block # | Data    |
type Data struct {
	Block   uint16 // counts from 1, and starts again at 0 after 65,535
	Payload []byte // 0 to 65,464 bytes
}

// AppendBinary appends the packet to b, and allocates nothing where b has the room.
func (d *Data) AppendBinary(b []byte) ([]byte, error) {
	if len(d.Payload) > MaxBlockSize {
		return nil, fmt.Errorf("tftp: block %d of %d bytes, limit %d", d.Block, len(d.Payload), MaxBlockSize)
	}
	return append(appendHeader(b, OpData, d.Block), d.Payload...), nil
}

// MarshalBinary returns the packet.
func (d *Data) MarshalBinary() ([]byte, error) { return d.AppendBinary(nil) }

// UnmarshalBinary takes the packet apart. Payload is a part of b, not a copy: it is good
// until b is used again.
func (d *Data) UnmarshalBinary(b []byte) error {
	switch {
	case opCode(b) != OpData:
		return fmt.Errorf("%w: %v in place of DATA", ErrMalformed, opCode(b))
	case len(b) < 4 || len(b) > 4+MaxBlockSize:
		return fmt.Errorf("%w: DATA of %d bytes, want 4 to %d", ErrMalformed, len(b), 4+MaxBlockSize)
	}
	d.Block, d.Payload = binary.BigEndian.Uint16(b[2:]), b[4:]
	return nil
}

// Ack acknowledges a block, and with windows of more than one block all before it.
// Ack 0 acknowledges an OptionAck.
//
//	2 bytes   2 bytes
//	| ACK   | Block # |
type Ack uint16

// AppendBinary appends the packet to b. The error is always nil.
func (a *Ack) AppendBinary(b []byte) ([]byte, error) {
	return appendHeader(b, OpAck, uint16(*a)), nil
}

// MarshalBinary returns the packet. The error is always nil.
func (a *Ack) MarshalBinary() ([]byte, error) { return a.AppendBinary(nil) }

// UnmarshalBinary takes the packet apart.
func (a *Ack) UnmarshalBinary(b []byte) error {
	switch {
	case opCode(b) != OpAck:
		return fmt.Errorf("%w: %v in place of ACK", ErrMalformed, opCode(b))
	case len(b) != 4:
		return fmt.Errorf("%w: ACK of %d bytes, want 4", ErrMalformed, len(b))
	}
	*a = Ack(binary.BigEndian.Uint16(b[2:]))
	return nil
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

// Error returns the code and the message, or what the code means where there is none.
// What no terminal should print is left out.
func (e *Err) Error() string {
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, e.Message)
	return fmt.Sprintf("ERROR %d: %s", uint16(e.Code), cmp.Or(printable, e.Code.String()))
}

// Unwrap returns the code.
func (e *Err) Unwrap() error { return e.Code }

// AppendBinary appends the packet to b.
func (e *Err) AppendBinary(b []byte) ([]byte, error) {
	if len(e.Message) >= BlockSize {
		return nil, fmt.Errorf("tftp: error message of %d bytes, limit %d", len(e.Message), BlockSize-1)
	}
	if strings.IndexByte(e.Message, 0) >= 0 {
		return nil, fmt.Errorf("tftp: zero byte in the error message %.40q", e.Message)
	}
	return append(append(appendHeader(b, OpErr, uint16(e.Code)), e.Message...), 0), nil
}

// MarshalBinary returns the packet.
func (e *Err) MarshalBinary() ([]byte, error) { return e.AppendBinary(nil) }

// UnmarshalBinary takes the packet apart. It keeps nothing of b.
func (e *Err) UnmarshalBinary(b []byte) error {
	if opCode(b) != OpErr {
		return fmt.Errorf("%w: %v in place of ERROR", ErrMalformed, opCode(b))
	}
	if len(b) < 5 || len(b) > 4+BlockSize {
		return fmt.Errorf("%w: ERROR of %d bytes, want 5 to %d", ErrMalformed, len(b), 4+BlockSize)
	}
	message := b[4:]
	if bytes.IndexByte(message, 0) != len(message)-1 {
		return fmt.Errorf("%w: ERROR whose message does not end at its one zero byte", ErrMalformed)
	}
	e.Code = ErrCode(binary.BigEndian.Uint16(b[2:]))
	e.Message = string(message[:len(message)-1])
	return nil
}

// endOf returns what an ERROR says. Some peers forget the zero byte, or more: an ERROR
// ends a transfer in any case, and is never answered.
func endOf(b []byte) *Err {
	if len(b) < 4 {
		return &Err{Code: ErrUnknown}
	}
	message, _, _ := bytes.Cut(b[4:min(len(b), 4+BlockSize)], []byte{0})
	return &Err{ErrCode(binary.BigEndian.Uint16(b[2:])), string(message)}
}

// appendHeader appends the four bytes that DATA, ACK and ERROR begin with.
func appendHeader(b []byte, op OpCode, number uint16) []byte {
	return append(b, byte(op>>8), byte(op), byte(number>>8), byte(number))
}
