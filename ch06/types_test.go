package ch06_test

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"network-programming-with-go/ch06"
)

// typesPacket is what each packet type implements.
type typesPacket interface {
	encoding.BinaryMarshaler
	encoding.BinaryAppender
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
		{"error", &ch06.Err{Code: ch06.ErrNotFound, Message: "no"}, new(ch06.Err), "\x00\x05\x00\x01no\x00"},
		{"error without a message", &ch06.Err{Code: ch06.ErrOptions}, new(ch06.Err), "\x00\x05\x00\x08\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire, err := tt.packet.MarshalBinary()
			if err != nil || string(wire) != tt.wire {
				t.Fatalf("MarshalBinary() = %q, %v, want %q", wire, err, tt.wire)
			}
			if got, err := tt.packet.AppendBinary([]byte("before")); err != nil || string(got) != "before"+tt.wire {
				t.Errorf("AppendBinary = %q, %v, want %q appended", got, err, tt.wire)
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
		{"ack too long", "\x00\x04\x00\x01\x00", new(ch06.Ack)},
		{"ack of another kind", "\x00\x03\x00\x01", new(ch06.Ack)},
		{"error of another kind", "\x00\x04\x00\x01\x00", new(ch06.Err)},
		{"error without a code", "\x00\x05\x00", new(ch06.Err)},
		{"error without its last zero byte", "\x00\x05\x00\x01no", new(ch06.Err)},
		{"error with bytes behind", "\x00\x05\x00\x01no\x00more\x00", new(ch06.Err)},
		{"error too long", "\x00\x05\x00\x01" + strings.Repeat("x", 600) + "\x00", new(ch06.Err)},
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

func TestPacketLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		packet encoding.BinaryMarshaler
	}{
		{"block above 65464 bytes", &ch06.Data{Payload: make([]byte, ch06.MaxBlockSize+1)}},
		{"message above 511 bytes", &ch06.Err{Message: strings.Repeat("x", 512)}},
		{"message with a zero byte", &ch06.Err{Message: "a\x00b"}},
	} {
		if wire, err := tt.packet.MarshalBinary(); err == nil {
			t.Errorf("%s: MarshalBinary() = %.20q, want an error", tt.name, wire)
		} else {
			t.Log(err)
		}
	}
}

// The codes are errors: a program tells a missing file as it would a local one.
func TestErrMatches(t *testing.T) {
	err := fmt.Errorf("get: %w", &ch06.Err{Code: ch06.ErrNotFound, Message: "no such file"})
	for _, tt := range []struct {
		target error
		want   bool
	}{
		{ch06.ErrNotFound, true}, {fs.ErrNotExist, true},
		{ch06.ErrAccessViolation, false}, {fs.ErrPermission, false}, {fs.ErrExist, false},
	} {
		if got := errors.Is(err, tt.target); got != tt.want {
			t.Errorf("errors.Is(%v, %v) = %t, want %t", err, tt.target, got, tt.want)
		}
	}
	if !errors.Is(ch06.ErrAccessViolation, fs.ErrPermission) || !errors.Is(ch06.ErrFileExists, fs.ErrExist) {
		t.Error("ErrAccessViolation and ErrFileExists do not match their fs errors")
	}
	if end, ok := errors.AsType[*ch06.Err](err); !ok || end.Message != "no such file" {
		t.Errorf("errors.AsType = %v, %t, want the message", end, ok)
	}
}

// What a stranger writes into an ERROR must not reach a terminal as commands.
func TestErrIsPrintable(t *testing.T) {
	err := &ch06.Err{Code: ch06.ErrNotFound, Message: "gone\x1b]0;title\a\x1b[2J\nfake: line"}
	if got, want := err.Error(), "ERROR 1: gone]0;title[2Jfake: line"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestNames(t *testing.T) {
	var codes, errs []string
	for c := ch06.OpRRQ - 1; c <= ch06.OpOAck+1; c++ {
		codes = append(codes, c.String())
	}
	if got, want := strings.Join(codes, " "), "opcode 0 RRQ WRQ DATA ACK ERROR OACK opcode 7"; got != want {
		t.Errorf("opcodes = %q, want %q", got, want)
	}
	for c := ch06.ErrUnknown; c <= ch06.ErrOptions+1; c++ {
		errs = append(errs, c.Error())
	}
	if got := strings.Join(errs, ", "); strings.Contains(got, ", ,") || !strings.HasSuffix(got, "option negotiation failed, error code 9") {
		t.Errorf("error codes = %q", got)
	}
}

// Nothing is allocated for a block or an acknowledgment.
func TestPacketAllocations(t *testing.T) {
	payload, buffer := make([]byte, 1428), make([]byte, 0, 2048)
	var data, got ch06.Data
	var ack, ackGot ch06.Ack
	n := testing.AllocsPerRun(100, func() {
		data = ch06.Data{Block: 7, Payload: payload}
		b, _ := data.AppendBinary(buffer) // its one error is for a longer block
		if got.UnmarshalBinary(b) != nil || got.Block != 7 {
			t.Error("data lost")
		}
		ack = ch06.Ack(7)
		b, _ = ack.AppendBinary(buffer) // never fails
		if ackGot.UnmarshalBinary(b) != nil || ackGot != 7 {
			t.Error("ack lost")
		}
	})
	if n != 0 {
		t.Errorf("a block and its acknowledgment allocate %v times, want 0", n)
	}
}

func ExampleErr() {
	var err error = &ch06.Err{Code: ch06.ErrNotFound, Message: "no kernel for this machine"}
	fmt.Println(err)
	fmt.Println(errors.Is(err, ch06.ErrNotFound), errors.Is(err, fs.ErrNotExist))
	// Output:
	// ERROR 1: no kernel for this machine
	// true true
}

func ExampleData() {
	block := &ch06.Data{Block: 1, Payload: []byte("the first block")}
	datagram, err := block.MarshalBinary()
	fmt.Printf("%q %v\n", datagram, err)
	// Output: "\x00\x03\x00\x01the first block" <nil>
}

// What parses marshals back to the same bytes, and nothing panics.
func FuzzPackets(f *testing.F) {
	f.Add([]byte("\x00\x03\x00\x01data"))
	f.Add([]byte("\x00\x04\x00\x01"))
	f.Add([]byte("\x00\x05\x00\x01message\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, packet := range []typesPacket{new(ch06.Data), new(ch06.Ack), new(ch06.Err)} {
			if packet.UnmarshalBinary(in) != nil {
				continue
			}
			if out, err := packet.MarshalBinary(); err != nil || !bytes.Equal(out, in) {
				t.Errorf("%T: %q became %q, %v", packet, in, out, err)
			}
		}
	})
}

// A new slice for each block against one that is used again; decoding copies nothing.
func BenchmarkPackets(b *testing.B) {
	payload, buffer := make([]byte, 1428), make([]byte, 0, 1432)
	data := &ch06.Data{Block: 1, Payload: payload}
	wire, err := data.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode/MarshalBinary", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(payload)))
		for b.Loop() {
			if _, err := data.MarshalBinary(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode/AppendBinary", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(payload)))
		for b.Loop() {
			if _, err := data.AppendBinary(buffer); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode/UnmarshalBinary", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(payload)))
		var got ch06.Data
		for b.Loop() {
			if err := got.UnmarshalBinary(wire); err != nil {
				b.Fatal(err)
			}
		}
	})
}
