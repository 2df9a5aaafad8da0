package ch06_test

import (
	"errors"
	"fmt"
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
		{"options", ch06.ReadReq{Filename: "f", Mode: "octet", Options: []ch06.Option{{Name: "blksize", Value: "1428"}, {Name: "tsize", Value: "0"}}},
			"\x00\x01f\x00octet\x00blksize\x001428\x00tsize\x000\x00"},
		{"unknown and empty options", ch06.ReadReq{Filename: "f", Mode: "octet", Options: []ch06.Option{{Name: "x", Value: ""}, {Name: "", Value: ""}}},
			"\x00\x01f\x00octet\x00x\x00\x00\x00\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire, err := tt.request.MarshalBinary()
			if err != nil || string(wire) != tt.wire {
				t.Fatalf("MarshalBinary() = %q, %v, want %q", wire, err, tt.wire)
			}
			var got ch06.ReadReq
			if err := got.UnmarshalBinary(wire); err != nil {
				t.Fatalf("UnmarshalBinary(%q) error = %v", wire, err)
			}
			if got.Filename != tt.request.Filename || got.Mode != tt.request.Mode || !slices.Equal(got.Options, tt.request.Options) {
				t.Errorf("UnmarshalBinary(%q) = %+v, want %+v", wire, got, tt.request)
			}
			t.Logf("%-26s %q", tt.name, wire)
		})
	}
	if wire, err := (&ch06.ReadReq{Filename: "f"}).MarshalBinary(); err != nil || !strings.Contains(string(wire), "octet") {
		t.Errorf("without a mode MarshalBinary() = %q, %v, want octet", wire, err)
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
		{"no zero byte at the end", "\x00\x01f\x00octet"},
		{"option without a value", "\x00\x01f\x00octet\x00blksize\x00"},
		{"option without an end", "\x00\x01f\x00octet\x00blksize\x001428"},
		{"too long", "\x00\x01" + strings.Repeat("f", 600) + "\x00octet\x00"},
	} {
		var got ch06.ReadReq
		if err := got.UnmarshalBinary([]byte(tt.wire)); !errors.Is(err, ch06.ErrMalformed) {
			t.Errorf("%s: error = %v, want ErrMalformed", tt.name, err)
		} else {
			t.Logf("%-26s %v", tt.name, err)
		}
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
}

func TestRequestLimits(t *testing.T) {
	for _, request := range []ch06.ReadReq{
		{},
		{Filename: "a\x00b"},
		{Filename: "f", Mode: "a\x00b"},
		{Filename: "f", Options: []ch06.Option{{Name: "a\x00", Value: "b"}}},
		{Filename: strings.Repeat("f", 520)},
	} {
		if wire, err := request.MarshalBinary(); err == nil {
			t.Errorf("%+.40v: MarshalBinary() = %q, want an error", request, wire)
		} else {
			t.Log(err)
		}
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
	for _, bad := range []string{"", "\x00\x05", "\x00\x06blksize", "\x00\x06blksize\x00", "\x00\x06" + strings.Repeat("o\x001\x00", 200)} {
		if err := got.UnmarshalBinary([]byte(bad)); !errors.Is(err, ch06.ErrMalformed) {
			t.Errorf("UnmarshalBinary(%.20q) error = %v, want ErrMalformed", bad, err)
		}
	}
	if _, err := (&ch06.OptionAck{Options: []ch06.Option{{Name: "o", Value: "\x00"}}}).MarshalBinary(); err == nil {
		t.Error("a zero byte in a value was marshaled")
	}
	if _, err := (&ch06.OptionAck{Options: []ch06.Option{{Name: "o", Value: strings.Repeat("1", 600)}}}).MarshalBinary(); err == nil {
		t.Error("600 bytes of value were marshaled")
	}
}

func ExampleReadReq() {
	request := &ch06.ReadReq{Filename: "vmlinuz", Options: []ch06.Option{{Name: "blksize", Value: "1428"}}}
	datagram, err := request.MarshalBinary()
	fmt.Printf("%q %v\n", datagram, err)
	// Output: "\x00\x01vmlinuz\x00octet\x00blksize\x001428\x00" <nil>
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte("\x00\x01name\x00octet\x00blksize\x001428\x00"))
	f.Add([]byte("\x00\x06tsize\x0012\x00"))
	f.Add([]byte("\x00\x01name\x00octet"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var request ch06.ReadReq
		if request.UnmarshalBinary(in) == nil {
			if out, err := request.MarshalBinary(); err != nil || string(out) != string(in) {
				t.Errorf("request %q became %q, %v", in, out, err)
			}
		}
		var ack ch06.OptionAck
		if ack.UnmarshalBinary(in) == nil {
			if out, err := ack.MarshalBinary(); err != nil || string(out) != string(in) {
				t.Errorf("option acknowledgment %q became %q, %v", in, out, err)
			}
		}
	})
}

// Requests come once in a transfer: what they allocate is bounded by their 516 bytes.
func BenchmarkReadReq(b *testing.B) {
	wire := []byte("\x00\x01pxelinux.0\x00octet\x00tsize\x000\x00blksize\x001428\x00windowsize\x0016\x00")
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		var request ch06.ReadReq
		if err := request.UnmarshalBinary(wire); err != nil {
			b.Fatal(err)
		}
	}
}
