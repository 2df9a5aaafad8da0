package ch06

import "fmt"

// Copy with: packets.go.

// Data carries one block of the file. One shorter than the block size is the last.
//
//	2 bytes   2 bytes   n bytes
//	| DATA  | Block # | Data    |
type Data struct {
	Block   uint16 // counts from 1, and continues at 0 after 65,535
	Payload []byte // 0 to 65,464 bytes
}

// MarshalBinary returns the packet.
func (d *Data) MarshalBinary() ([]byte, error) {
	if len(d.Payload) > MaxBlockSize {
		return nil, fmt.Errorf("tftp: block %d of %d bytes, limit %d", d.Block, len(d.Payload), MaxBlockSize)
	}
	return append(appendHeader(nil, OpData, d.Block), d.Payload...), nil
}

// UnmarshalBinary parses the packet. Payload is a part of b, not a copy.
func (d *Data) UnmarshalBinary(b []byte) error {
	if err := wantPacket(b, OpData, 4); err != nil {
		return err
	}
	if len(b) > 4+MaxBlockSize {
		return fmt.Errorf("%w: DATA of %d bytes, limit %d", ErrMalformed, len(b), 4+MaxBlockSize)
	}
	d.Block, d.Payload = number(b), b[4:]
	return nil
}

// Ack acknowledges a block and, with windows of more than one block, all before it.
// Ack 0 acknowledges an OptionAck.
//
//	2 bytes   2 bytes
//	| ACK   | Block # |
type Ack uint16

// MarshalBinary returns the packet. The error is always nil.
func (a *Ack) MarshalBinary() ([]byte, error) { return appendHeader(nil, OpAck, uint16(*a)), nil }

// UnmarshalBinary parses the packet. It ignores what follows the block number, since
// switches and boards pad their packets.
func (a *Ack) UnmarshalBinary(b []byte) error {
	if err := wantPacket(b, OpAck, 4); err != nil {
		return err
	}
	*a = Ack(number(b))
	return nil
}
