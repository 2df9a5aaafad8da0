package ch04_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"network-programming-with-go/ch04/internal/conns"
)

// The loop below all others: a fixed buffer, filled again and again until io.EOF.
func TestReadIntoBuffer(t *testing.T) {
	sender, conn := conns.TCPPair(t)
	payload := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	sent := make(chan error, 1)
	go func() {
		_, err := sender.Write(payload)
		sent <- errors.Join(err, sender.Close()) // the FIN that the loop reads as io.EOF
	}()
	buf := make([]byte, 128<<10) // 128 KiB
	var got bytes.Buffer
	reads, short := 0, 0
	for {
		n, err := conn.Read(buf)
		got.Write(buf[:n]) // first the bytes, then the error: a Read may return both
		if err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
		reads++
		if n < len(buf) {
			short++ // not the end: no more than this had arrived
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got.Bytes(), payload) {
		t.Errorf("got %d bytes, want the %d sent", got.Len(), len(payload))
	}
	t.Logf("%d bytes, one write: %d reads, %d of them short", got.Len(), reads, short)
}

// One write, many reads: the buffer decides, or the network does.
func TestOneWriteIsManyReads(t *testing.T) {
	sender, conn := conns.TCPPair(t)
	if _, err := io.WriteString(sender, "one write, many reads"); err != nil {
		t.Fatal(err)
	}
	sender.Close()
	var pieces []string
	buf := make([]byte, 8)
	for {
		n, err := conn.Read(buf)
		if n > 0 {
			pieces = append(pieces, string(buf[:n]))
		}
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(pieces, ""); got != "one write, many reads" || len(pieces) < 3 {
		t.Errorf("reads = %q", pieces)
	}
	t.Logf("reads: %q", pieces)
}

// Many writes, one read: TCP carries bytes, not messages. How many writes a read
// returns is chance, and a program that counts on one number works until it does not.
func TestManyWritesAreOneRead(t *testing.T) {
	sender, conn := conns.TCPPair(t)
	counts := map[string]int{}
	for range 300 {
		for _, msg := range []string{"one", "two", "six"} {
			if _, err := io.WriteString(sender, msg); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 9)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		counts[string(buf[:n])]++
		if _, err := io.ReadFull(conn, buf[n:]); err != nil || string(buf) != "onetwosix" {
			t.Fatalf("three writes read as %q, %v", buf, err)
		}
	}
	t.Logf("what the first read returned, of 300 times: %v", counts)
	if counts["onetwosix"] == 0 {
		t.Error("no read in 300 merged three writes, want most of them to")
	}
}

// What to use where the number of bytes is known, and what the errors say.
func TestReadFullAndAtLeast(t *testing.T) {
	full := func(r io.Reader, b []byte) (int, error) { return io.ReadFull(r, b) }
	least2 := func(r io.Reader, b []byte) (int, error) { return io.ReadAtLeast(r, b, 2) }
	once := func(r io.Reader, b []byte) (int, error) { return r.Read(b) }
	for _, tt := range []struct {
		name, in string
		read     func(io.Reader, []byte) (int, error)
		size, n  int
		err      error
	}{
		{"Read stops at what is there", "abcd", once, 4, 1, nil},
		{"ReadFull fills the buffer", "abcd", full, 4, 4, nil},
		{"ReadFull, cut stream", "abc", full, 4, 3, io.ErrUnexpectedEOF},
		{"ReadFull, clean end", "", full, 4, 0, io.EOF},
		{"ReadFull, nothing wanted", "", full, 0, 0, nil},
		{"ReadAtLeast stops at the minimum", "abcd", least2, 4, 2, nil},
		{"ReadAtLeast, cut stream", "a", least2, 4, 1, io.ErrUnexpectedEOF},
		{"ReadAtLeast, buffer below the minimum", "abcd", least2, 1, 0, io.ErrShortBuffer},
	} {
		r := iotest.OneByteReader(strings.NewReader(tt.in)) // a slow network
		n, err := tt.read(r, make([]byte, tt.size))
		if n != tt.n || !errors.Is(err, tt.err) {
			t.Errorf("%s: %d, %v, want %d, %v", tt.name, n, err, tt.n, tt.err)
		}
		t.Logf("%-38s %d of %d bytes, %v", tt.name+":", n, tt.size, err)
	}
}
