package ch06_test

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"network-programming-with-go/ch06"
)

// typesPacket is what each packet type implements.
type typesPacket interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

func TestPackets(t *testing.T) {
	ack := ch06.Ack(0xabcd)
	for _, tt := range []struct {
		name   string
		packet typesPacket
		empty  typesPacket
		wire   string
	}{
		{"data", &ch06.Data{Block: 258, Payload: []byte("hello")}, new(ch06.Data), "\x00\x03\x01\x02hello"},
		{"last block, empty", &ch06.Data{Block: 65535, Payload: []byte{}}, new(ch06.Data), "\x00\x03\xff\xff"},
		{"ack", &ack, new(ch06.Ack), "\x00\x04\xab\xcd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire, err := tt.packet.MarshalBinary()
			if err != nil || string(wire) != tt.wire {
				t.Fatalf("MarshalBinary() = %q, %v, want %q", wire, err, tt.wire)
			}
			if err := tt.empty.UnmarshalBinary(wire); err != nil {
				t.Fatalf("UnmarshalBinary(%q) error = %v", wire, err)
			}
			if !reflect.DeepEqual(tt.empty, tt.packet) {
				t.Errorf("UnmarshalBinary(%q) = %+v, want %+v", wire, tt.empty, tt.packet)
			}
			t.Logf("%-24s %q", tt.name, wire)
		})
	}
}

// Switches and boards pad an ACK to the shortest frame of Ethernet: only its first four
// bytes count.
func TestPaddedAck(t *testing.T) {
	for _, padding := range []string{"\x00", strings.Repeat("\x00", 42), "rest of a buffer"} {
		var got ch06.Ack
		if err := got.UnmarshalBinary([]byte("\x00\x04\x00\x07" + padding)); err != nil || got != 7 {
			t.Errorf("ACK 7 with %q behind: got %d, %v, want 7", padding, got, err)
		}
	}
}

func TestMalformedPackets(t *testing.T) {
	for _, tt := range []struct {
		name, wire string
		packet     encoding.BinaryUnmarshaler
	}{
		{"nothing", "", new(ch06.Data)},
		{"half an opcode", "\x00", new(ch06.Ack)},
		{"data of another kind", "\x00\x04\x00\x01", new(ch06.Data)},
		{"data without a block number", "\x00\x03\x00", new(ch06.Data)},
		{"data too long", "\x00\x03\x00\x01" + strings.Repeat("x", ch06.MaxBlockSize+1), new(ch06.Data)},
		{"ack too short", "\x00\x04\x00", new(ch06.Ack)},
		{"ack of another kind", "\x00\x03\x00\x01", new(ch06.Ack)},
		{"error of another kind", "\x00\x04\x00\x01\x00", new(ch06.Err)},
		{"error without an opcode", "\x05", new(ch06.Err)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.packet.UnmarshalBinary([]byte(tt.wire))
			if !errors.Is(err, ch06.ErrMalformed) {
				t.Errorf("UnmarshalBinary(%.20q) error = %v, want ErrMalformed", tt.wire, err)
			}
			t.Log(err)
		})
	}
}

// The longest block that is allowed travels; one byte more does not.
func TestDataLimit(t *testing.T) {
	wire, err := (&ch06.Data{Payload: make([]byte, ch06.MaxBlockSize)}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got ch06.Data
	if err := got.UnmarshalBinary(wire); err != nil || len(got.Payload) != 65464 {
		t.Errorf("UnmarshalBinary = %d bytes, %v, want 65464", len(got.Payload), err)
	}
	if &got.Payload[0] != &wire[4] {
		t.Error("UnmarshalBinary has copied the payload")
	}
	if _, err := (&ch06.Data{Payload: make([]byte, ch06.MaxBlockSize+1)}).MarshalBinary(); err == nil {
		t.Error("a block of 65465 bytes was marshaled")
	} else {
		t.Log(err)
	}
}

func ExampleData() {
	block := &ch06.Data{Block: 1, Payload: []byte("the first block")}
	datagram, err := block.MarshalBinary()
	fmt.Printf("%q %v\n", datagram, err)
	// Output: "\x00\x03\x00\x01the first block" <nil>
}

// What decodes encodes to the bytes that it came from, less the padding of an ACK.
func FuzzPackets(f *testing.F) {
	f.Add([]byte("\x00\x03\x00\x01data"))
	f.Add([]byte("\x00\x04\x00\x01"))
	f.Add([]byte("\x00\x04\x00\x01padding"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var data ch06.Data
		if data.UnmarshalBinary(in) == nil {
			if out, err := data.MarshalBinary(); err != nil || !bytes.Equal(out, in) {
				t.Errorf("DATA %.80q became %.80q, %v", in, out, err)
			}
		}
		var ack ch06.Ack
		if ack.UnmarshalBinary(in) == nil {
			if out, err := ack.MarshalBinary(); err != nil || !bytes.Equal(out, in[:4]) {
				t.Errorf("ACK %.80q became %.80q, %v", in, out, err)
			}
		}
	})
}

// What one block costs to encode, and to decode: nothing is copied then.
func BenchmarkPackets(b *testing.B) {
	data := &ch06.Data{Block: 1, Payload: make([]byte, 1428)}
	wire, err := data.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data.Payload)))
		for b.Loop() {
			if _, err := data.MarshalBinary(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data.Payload)))
		var got ch06.Data
		for b.Loop() {
			if err := got.UnmarshalBinary(wire); err != nil {
				b.Fatal(err)
			}
		}
	})
}
