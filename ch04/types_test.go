package ch04_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"network-programming-with-go/ch04"
)

func TestPayloads(t *testing.T) {
	b1 := ch04.Binary("Clear is better than clever.")
	b2 := ch04.Binary("Don't panic.")
	b3 := ch04.Binary{} // no payload is a payload too
	s1 := ch04.String("Errors are values.")
	large := ch04.Binary(bytes.Repeat([]byte("0123456789abcdef"), 20<<10)) // 320 KiB
	sent := []ch04.Payload{&b1, &s1, &b2, &b3, &large}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		for _, p := range sent {
			n, err := p.WriteTo(conn)
			if want := int64(5 + len(p.Bytes())); err != nil || n != want {
				done <- fmt.Errorf("WriteTo = %d, %w, want %d, nil", n, err, want)
				return
			}
		}
		done <- nil
	}()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, want := range sent {
		got, err := ch04.Decode(conn)
		if err != nil {
			t.Fatalf("Decode of value %d: %v", i, err)
		}
		if !reflect.DeepEqual(got, want) { // an empty payload is not a nil one
			t.Errorf("value %d = %T %.40q, want %T %.40q", i, got, got, want, want)
		}
		t.Logf("[%T] %d bytes: %.30q", got, len(got.Bytes()), got)
	}
	_, err = ch04.Decode(conn)
	if sendErr := <-done; err != io.EOF || sendErr != nil {
		t.Errorf("Decode after the last value: %v, want io.EOF; sending: %v", err, sendErr)
	}
}

// typesPieces are the ways in which a stream may reach its reader.
var typesPieces = map[string]func(io.Reader) io.Reader{
	"whole":        func(r io.Reader) io.Reader { return r },
	"byte by byte": iotest.OneByteReader,
	"halves":       iotest.HalfReader,
	"data and EOF": iotest.DataErrReader,
}

// A decoder that takes what one Read returns for the payload decodes a split
// stream into zero bytes and says nothing.
func TestDecodeSplitAndCutStreams(t *testing.T) {
	const stream = "\x01\x00\x00\x00\x03abc\x02\x00\x00\x00\x05hello\x02\x00\x00\x00\x00"
	ends := map[int]int{0: 0, 8: 1, 18: 2, 23: 3} // stream length: values in it
	for name, piece := range typesPieces {
		for cut := range len(stream) + 1 {
			r := piece(strings.NewReader(stream[:cut]))
			var got []string
			var err error
			for {
				var p ch04.Payload
				if p, err = ch04.Decode(r); err != nil {
					break
				}
				got = append(got, p.String())
			}
			want := []string{"abc", "hello", ""}[:len(got)]
			if strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%s, cut at %d: values %q, want %q", name, cut, got, want)
			}
			if n, whole := ends[cut]; whole && (err != io.EOF || len(got) != n) {
				t.Errorf("%s, cut at %d: %d values, then %v, want %d, io.EOF",
					name, cut, len(got), err, n)
			} else if !whole && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, cut at %d: %v, want io.ErrUnexpectedEOF", name, cut, err)
			}
		}
	}
}

func TestReadFromCounts(t *testing.T) {
	fail := errors.New("cable pulled")
	for _, tt := range []struct {
		name, in string
		r        io.Reader // follows in
		n        int64
		err      error
	}{
		{"nothing", "", nil, 0, io.EOF},
		{"cut header", "\x01\x00", nil, 2, io.ErrUnexpectedEOF},
		{"cut payload", "\x01\x00\x00\x00\x05abc", nil, 8, io.ErrUnexpectedEOF},
		{"payload missing", "\x01\x00\x00\x00\x05", nil, 5, io.ErrUnexpectedEOF},
		{"error in header", "\x01", iotest.ErrReader(fail), 1, fail},
		{"error in payload", "\x01\x00\x00\x00\x05ab", iotest.ErrReader(fail), 7, fail},
		{"too large", "\x01\x00\xa0\x00\x01abc", nil, 5, ch04.ErrMaxPayloadSize},
		{"one value", "\x01\x00\x00\x00\x03abcXYZ", nil, 8, nil},
	} {
		for name, piece := range typesPieces {
			in := strings.NewReader(tt.in)
			r := piece(in)
			if tt.r != nil {
				r = io.MultiReader(r, tt.r)
			}
			m := ch04.Binary("old")
			n, err := m.ReadFrom(r)
			if n != tt.n || !errors.Is(err, tt.err) {
				t.Errorf("%s, %s: ReadFrom = %d, %v, want %d, %v",
					tt.name, name, n, err, tt.n, tt.err)
			}
			if err != nil && len(m) != 0 {
				t.Errorf("%s, %s: ReadFrom failed and left %q", tt.name, name, m)
			}
			if used := int64(len(tt.in) - in.Len()); tt.err == nil && used != n &&
				name != "data and EOF" { // which reads ahead by design
				t.Errorf("%s, %s: ReadFrom took %d bytes, said %d", tt.name, name, used, n)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x03abc"))
	f.Add([]byte("\x02\x00\x00\x00\x05hello\x01"))
	f.Add([]byte("\x02\x00\x00\x00\x05hell"))
	f.Add([]byte("\x03\x00\x00\x00\x00"))
	f.Add([]byte("\x01\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ch04.Decode(bytes.NewReader(in))
		slow, slowErr := ch04.Decode(iotest.OneByteReader(bytes.NewReader(in)))
		if (err == nil) != (slowErr == nil) {
			t.Fatalf("Decode(%q) = %v, byte by byte %v", in, err, slowErr)
		}
		if err != nil {
			return
		}
		var out bytes.Buffer
		if _, err := p.WriteTo(&out); err != nil || !bytes.HasPrefix(in, out.Bytes()) {
			t.Errorf("Decode(%q) = %q, which encodes to %q, %v", in, p, out.Bytes(), err)
		}
		if slow.String() != p.String() {
			t.Errorf("Decode(%q) = %q, byte by byte %q", in, p, slow)
		}
	})
}

func ExampleDecode() {
	var conn bytes.Buffer // stands for a net.Conn
	id, text := ch04.Binary{0xca, 0xfe}, ch04.String("Errors are values.")
	for _, p := range []ch04.Payload{&id, &text} {
		if _, err := p.WriteTo(&conn); err != nil {
			fmt.Println(err)
		}
	}
	for {
		p, err := ch04.Decode(&conn)
		if err == io.EOF {
			break // the peer is done, between two values
		} else if err != nil {
			fmt.Println(err)
			break
		}
		switch p := p.(type) {
		case *ch04.Binary:
			fmt.Printf("binary %x\n", p.Bytes())
		case *ch04.String:
			fmt.Printf("string %s\n", p)
		}
	}
	// Output:
	// binary cafe
	// string Errors are values.
}
