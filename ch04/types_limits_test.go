package ch04_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"network-programming-with-go/ch04"
)

func TestMaxPayloadSize(t *testing.T) {
	t.Parallel()
	header := func(size uint32) []byte {
		return binary.BigEndian.AppendUint32([]byte{ch04.BinaryType}, size)
	}
	_, err := ch04.Decode(bytes.NewReader(header(ch04.MaxPayloadSize + 1)))
	if !errors.Is(err, ch04.ErrMaxPayloadSize) {
		t.Errorf("Decode of 10 MiB and a byte = %v, want ErrMaxPayloadSize", err)
	}
	t.Log(err)

	m := make(ch04.Binary, ch04.MaxPayloadSize+1)
	var w bytes.Buffer
	if n, err := m.WriteTo(&w); n != 0 || !errors.Is(err, ch04.ErrMaxPayloadSize) || w.Len() != 0 {
		t.Errorf("WriteTo of 10 MiB and a byte = %d, %v, and wrote %d bytes, want 0, ErrMaxPayloadSize",
			n, err, w.Len())
	}

	// Exactly the limit is allowed, here to a conn.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	received := make(chan int64, 1)
	go func() {
		defer close(received)
		if peer, err := l.Accept(); err == nil {
			n, _ := io.Copy(io.Discard, peer) // an error shows in n
			peer.Close()
			received <- n
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m = m[:ch04.MaxPayloadSize]
	n, err := m.WriteTo(conn)
	conn.Close()
	if got, want := <-received, int64(len(m)+5); n != want || err != nil || got != want {
		t.Errorf("WriteTo of 10 MiB = %d, %v, and %d arrived, want %d", n, err, got, want)
	}
	_, err = ch04.Decode(bytes.NewReader(header(ch04.MaxPayloadSize)))
	if !errors.Is(err, io.ErrUnexpectedEOF) { // it would have read on
		t.Errorf("Decode of the header of 10 MiB = %v, want io.ErrUnexpectedEOF", err)
	}
}

// A header is five bytes long. A decoder that believes it allocates 10 MiB for each
// peer that sends one.
func TestHeaderDoesNotAllocate(t *testing.T) {
	allocated := func(arriving int) uint64 {
		in := binary.BigEndian.AppendUint32([]byte{ch04.BinaryType}, ch04.MaxPayloadSize)
		in = append(in, make([]byte, arriving)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ch04.Decode(bytes.NewReader(in))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Decode = %v, want io.ErrUnexpectedEOF", err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	for _, arriving := range []int{0, 1000, 1 << 20, 1730 << 10} {
		got := allocated(arriving)
		t.Logf("10 MiB claimed, %7d bytes sent: %8d bytes allocated", arriving, got)
		// Each step doubles: all steps together take less than four times the bytes
		// that came, and what one first chunk takes.
		if limit := uint64(4*arriving + 128<<10); got > limit {
			t.Errorf("%d bytes made Decode allocate %d, want %d at most", arriving, got, limit)
		}
	}
}

func TestPayloadAllocations(t *testing.T) {
	value := []byte("\x01\x00\x00\x00\x05hello")
	text := []byte("\x02\x00\x00\x00\x05hello")
	r := bytes.NewReader(nil)
	m, s := make(ch04.Binary, 0, 64), ch04.String("hello")
	for _, tt := range []struct {
		name string
		want float64
		run  func() error
	}{
		{"Decode a Binary", 2, func() error {
			r.Reset(value)
			_, err := ch04.Decode(r)
			return err
		}},
		{"Decode a String", 3, func() error {
			r.Reset(text)
			_, err := ch04.Decode(r)
			return err
		}},
		{"Binary.ReadFrom", 0, func() error {
			r.Reset(value)
			_, err := m.ReadFrom(r)
			return err
		}},
		{"Binary.WriteTo", 1, func() error { _, err := m.WriteTo(io.Discard); return err }},
		{"String.WriteTo", 1, func() error { _, err := s.WriteTo(io.Discard); return err }},
	} {
		got := testing.AllocsPerRun(100, func() {
			if err := tt.run(); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%-16s %v allocations", tt.name, got)
		if got > tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPayloadWrongType(t *testing.T) {
	const binaryValue, stringValue = "\x01\x00\x00\x00\x01b", "\x02\x00\x00\x00\x01s"
	for _, tt := range []struct {
		in   string
		p    ch04.Payload // nil: Decode
		want ch04.TypeError
	}{
		{stringValue, new(ch04.Binary), ch04.TypeError{Got: 2, Want: 1}},
		{binaryValue, new(ch04.String), ch04.TypeError{Got: 1, Want: 2}},
		{"\x00\x00\x00\x00\x00", nil, ch04.TypeError{Got: 0}},
		{"GET / HTTP/1.1", nil, ch04.TypeError{Got: 'G'}}, // someone else's protocol
	} {
		var n int64 = 5
		var err error
		if tt.p == nil {
			_, err = ch04.Decode(strings.NewReader(tt.in))
		} else {
			n, err = tt.p.ReadFrom(strings.NewReader(tt.in))
		}
		text := fmt.Sprintf("tlv: type %d, want %d", tt.want.Got, tt.want.Want)
		if tt.p == nil {
			text = fmt.Sprintf("tlv: unknown type %d", tt.want.Got)
		}
		typ, ok := errors.AsType[*ch04.TypeError](err)
		if !ok || *typ != tt.want || n != 5 || err.Error() != text {
			t.Errorf("%T from %q = %d, %v, want 5, %s", tt.p, tt.in, n, err, text)
		}
		t.Logf("%T from %q: %v", tt.p, tt.in, err)
	}
}
