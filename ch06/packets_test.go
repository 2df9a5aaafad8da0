package ch06_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"network-programming-with-go/ch06"
)

func TestReadReq(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request ch06.ReadReq
		wire    string
	}{
		{"plain", ch06.ReadReq{Filename: "boot/kernel", Mode: "octet"}, "\x00\x01boot/kernel\x00octet\x00"},
		{"mode in any case", ch06.ReadReq{Filename: "f", Mode: "OcTeT"}, "\x00\x01f\x00OcTeT\x00"},
		{"a name that is not UTF-8", ch06.ReadReq{Filename: "grub.efi\xff", Mode: "octet"}, "\x00\x01grub.efi\xff\x00octet\x00"},
		{"options", ch06.ReadReq{Filename: "f", Mode: "octet", Options: []ch06.Option{{Name: "blksize", Value: "1428"}, {Name: "x", Value: "y"}}},
			"\x00\x01f\x00octet\x00blksize\x001428\x00x\x00y\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire, err := tt.request.MarshalBinary()
			if err != nil || string(wire) != tt.wire {
				t.Fatalf("MarshalBinary() = %q, %v, want %q", wire, err, tt.wire)
			}
			var got ch06.ReadReq
			if err := got.UnmarshalBinary(wire); err != nil || !reflect.DeepEqual(got, tt.request) {
				t.Errorf("UnmarshalBinary(%q) = %+v, %v, want %+v", wire, got, err, tt.request)
			}
			t.Logf("%-26s %q", tt.name, wire)
		})
	}
	if wire, err := (&ch06.ReadReq{Filename: "f"}).MarshalBinary(); err != nil || string(wire) != "\x00\x01f\x00octet\x00" {
		t.Errorf("without a mode MarshalBinary() = %q, %v, want octet", wire, err)
	}
}

// TestLiberalRequests has what boards and firmwares send behind the mode. What is no
// option is skipped, and the rest is used.
func TestLiberalRequests(t *testing.T) {
	for _, tt := range []struct{ name, behind, want string }{
		{"zero bytes", strings.Repeat("\x00", 30), ""},
		{"zero bytes behind options", "tsize\x000\x00" + strings.Repeat("\x00", 600), "[{tsize 0}]"},
		{"an option without a value", "blksize\x00\x00tsize\x000\x00", "[{tsize 0}]"},
		{"an option without a name", "\x00x\x00tsize\x000\x00", "[{tsize 0}]"},
		{"zero bytes between options", "blksize\x0064\x00\x00\x00tsize\x000\x00", "[{blksize 64} {tsize 0}]"},
		{"a last option without a value", "tsize\x000\x00blksize\x00", "[{tsize 0}]"},
		{"a last option without an end", "tsize\x000\x00blksize\x001428", "[{tsize 0}]"},
		{"the rest of a buffer", "tsize\x000\x00rest", "[{tsize 0}]"},
		{"the same option twice", "a\x001\x00a\x002\x00", "[{a 1} {a 2}]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = "[]"
			}
			var got ch06.ReadReq
			if err := got.UnmarshalBinary([]byte("\x00\x01f\x00octet\x00" + tt.behind)); err != nil || fmt.Sprint(got.Options) != want {
				t.Errorf("behind an RRQ %q: options %v, %v, want %s", tt.behind, got.Options, err, want)
			}
			var ack ch06.OptionAck
			if err := ack.UnmarshalBinary([]byte("\x00\x06" + tt.behind)); err != nil || fmt.Sprint(ack.Options) != want {
				t.Errorf("in an OACK %q: options %v, %v, want %s", tt.behind, ack.Options, err, want)
			}
		})
	}
}

func TestMalformedRequests(t *testing.T) {
	for _, tt := range []struct{ name, wire string }{
		{"nothing", ""},
		{"only an opcode", "\x00\x01"},
		{"write request", "\x00\x02f\x00octet\x00"},
		{"no name", "\x00\x01\x00octet\x00"},
		{"no mode", "\x00\x01f\x00"},
		{"empty mode", "\x00\x01f\x00\x00"},
		{"mode without an end", "\x00\x01f\x00octet"},
		{"one byte too long", "\x00\x01" + strings.Repeat("f", 508) + "\x00octet\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got ch06.ReadReq
			if err := got.UnmarshalBinary([]byte(tt.wire)); !errors.Is(err, ch06.ErrMalformed) {
				t.Errorf("UnmarshalBinary(%.20q) error = %v, want ErrMalformed", tt.wire, err)
			} else {
				t.Log(err)
			}
		})
	}
	var got ch06.ReadReq
	longest := "\x00\x01" + strings.Repeat("f", 507) + "\x00octet\x00"
	if err := got.UnmarshalBinary([]byte(longest)); err != nil {
		t.Errorf("UnmarshalBinary of the longest request, %d bytes: error = %v", len(longest), err)
	}
	if wire, err := got.MarshalBinary(); err != nil || string(wire) != longest {
		t.Errorf("MarshalBinary of the longest request: %d bytes, %v, want %d", len(wire), err, len(longest))
	}
}

// A datagram is parsed to its own end: what an earlier one left behind in the buffer does
// not complete it.
func TestReadReqInUsedBuffer(t *testing.T) {
	buffer := []byte("\x00\x01name\x00octet\x00")
	var got ch06.ReadReq
	if err := got.UnmarshalBinary(buffer[:len(buffer)-1]); err == nil {
		t.Errorf("UnmarshalBinary took %+v from a request without its last zero byte", got)
	}
	if err := got.UnmarshalBinary(buffer); err != nil {
		t.Fatal(err)
	}
	clear(buffer)
	if got.Filename != "name" {
		t.Errorf("after the buffer was cleared the name is %q, want a copy", got.Filename)
	}
}

func TestRequestLimits(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request ch06.ReadReq
	}{
		{"no name", ch06.ReadReq{}},
		{"zero byte in the name", ch06.ReadReq{Filename: "a\x00b"}},
		{"zero byte in the mode", ch06.ReadReq{Filename: "f", Mode: "a\x00b"}},
		{"zero byte in an option's name", ch06.ReadReq{Filename: "f", Options: []ch06.Option{{Name: "a\x00", Value: "b"}}}},
		{"zero byte in an option's value", ch06.ReadReq{Filename: "f", Options: []ch06.Option{{Name: "a", Value: "\x00"}}}},
		{"one byte too long", ch06.ReadReq{Filename: strings.Repeat("f", 508)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if wire, err := tt.request.MarshalBinary(); err == nil {
				t.Errorf("MarshalBinary() = %.40q, want an error", wire)
			} else {
				t.Log(err)
			}
		})
	}
}

func TestOptionAck(t *testing.T) {
	ack := &ch06.OptionAck{Options: []ch06.Option{{Name: "blksize", Value: "1428"}, {Name: "windowsize", Value: "16"}}}
	const want = "\x00\x06blksize\x001428\x00windowsize\x0016\x00"
	wire, err := ack.MarshalBinary()
	if err != nil || string(wire) != want {
		t.Fatalf("MarshalBinary() = %q, %v, want %q", wire, err, want)
	}
	var got ch06.OptionAck
	if err := got.UnmarshalBinary(wire); err != nil || !slices.Equal(got.Options, ack.Options) {
		t.Errorf("UnmarshalBinary(%q) = %+v, %v, want %+v", wire, got, err, ack)
	}
	for _, bad := range []string{"", "\x00\x05\x00\x00", "\x00\x06", "\x00\x06\x00"} {
		if err := got.UnmarshalBinary([]byte(bad)); !errors.Is(err, ch06.ErrMalformed) {
			t.Errorf("UnmarshalBinary(%q) error = %v, want ErrMalformed", bad, err)
		}
	}
	for name, o := range map[string][]ch06.Option{
		"no option": nil, "zero byte": {{Name: "o", Value: "\x00"}}, "600 bytes": {{Name: "o", Value: strings.Repeat("1", 600)}},
	} {
		if wire, err := (&ch06.OptionAck{Options: o}).MarshalBinary(); err == nil {
			t.Errorf("%s: MarshalBinary() = %.40q, want an error", name, wire)
		}
	}
}

func ExampleReadReq() {
	request := &ch06.ReadReq{Filename: "vmlinuz", Options: []ch06.Option{{Name: "blksize", Value: "1428"}}}
	datagram, err := request.MarshalBinary()
	fmt.Printf("%q %v\n", datagram, err)
	// Output: "\x00\x01vmlinuz\x00octet\x00blksize\x001428\x00" <nil>
}

// What decodes encodes to a packet that decodes to the same value.
func FuzzRequests(f *testing.F) {
	f.Add([]byte("\x00\x01name\x00octet\x00blksize\x001428\x00"))
	f.Add([]byte("\x00\x06tsize\x0012\x00"))
	f.Add([]byte("\x00\x01name\x00octet\x00blksize\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x06" + strings.Repeat("o\x001\x00", 200)))
	f.Fuzz(func(t *testing.T, in []byte) {
		var q, again ch06.ReadReq
		if q.UnmarshalBinary(in) == nil {
			if out, err := q.MarshalBinary(); err != nil || again.UnmarshalBinary(out) != nil || !reflect.DeepEqual(q, again) {
				t.Errorf("RRQ %.80q is %+.80v, then %.80q, %v", in, q, out, err)
			}
		}
		var ack, same ch06.OptionAck
		if ack.UnmarshalBinary(in) == nil && len(ack.Options) > 0 {
			if out, err := ack.MarshalBinary(); err != nil || same.UnmarshalBinary(out) != nil || !reflect.DeepEqual(ack, same) {
				t.Errorf("OACK %.80q is %+.80v, then %.80q, %v", in, ack, out, err)
			}
		}
	})
}
