package ch04_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"testing"

	"network-programming-with-go/ch04"
)

// BenchmarkMessage sends one payload of 1 KiB through memory and reads it back,
// in four encodings. MB/s counts the payload only. Try -bench=Message -benchmem.
func BenchmarkMessage(b *testing.B) {
	payload := bytes.Repeat([]byte("network!"), 1<<10/8) // 1 KiB
	check := func(b *testing.B, got []byte, err error) {
		if err != nil || len(got) != len(payload) {
			b.Fatalf("%d bytes, %v, want %d", len(got), err, len(payload))
		}
	}
	start := func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(payload)))
	}

	b.Run("tlv", func(b *testing.B) {
		start(b)
		var conn bytes.Buffer
		out := ch04.Binary(payload)
		var in ch04.Binary
		for b.Loop() {
			out.WriteTo(&conn) // a bytes.Buffer does not fail
			_, err := in.ReadFrom(&conn)
			check(b, in, err)
		}
	})
	b.Run("tlv Decode", func(b *testing.B) {
		start(b)
		var conn bytes.Buffer
		out := ch04.Binary(payload)
		for b.Loop() {
			out.WriteTo(&conn) // a bytes.Buffer does not fail
			in, err := ch04.Decode(&conn)
			if err != nil {
				b.Fatal(err)
			}
			check(b, in.Bytes(), nil)
		}
	})
	b.Run("gob", func(b *testing.B) {
		start(b)
		var conn bytes.Buffer
		enc, dec := gob.NewEncoder(&conn), gob.NewDecoder(&conn)
		for b.Loop() { // one encoder: the type description is sent once
			var in []byte
			if err := enc.Encode(payload); err != nil {
				b.Fatal(err)
			}
			err := dec.Decode(&in)
			check(b, in, err)
		}
	})
	b.Run("json", func(b *testing.B) {
		start(b)
		var conn bytes.Buffer
		enc, dec := json.NewEncoder(&conn), json.NewDecoder(&conn)
		for b.Loop() {
			var in []byte // base64 on the wire
			if err := enc.Encode(payload); err != nil {
				b.Fatal(err)
			}
			err := dec.Decode(&in)
			check(b, in, err)
		}
	})
	b.Run("byte at a time", func(b *testing.B) {
		start(b)
		var conn bytes.Buffer
		out := ch04.Binary(payload)
		for b.Loop() {
			out.WriteTo(&conn) // a bytes.Buffer does not fail
			in, err := typesByteAtATime(&conn)
			check(b, in, err)
		}
	})
}

// typesByteAtATime reads one value as a first attempt often does. Behind a net.Conn
// each of its reads would also be a system call.
func typesByteAtATime(r io.Reader) ([]byte, error) {
	head, one := make([]byte, 0, 5), make([]byte, 1)
	for len(head) < 5 {
		if _, err := r.Read(one); err != nil {
			return nil, err
		}
		head = append(head, one[0])
	}
	var p []byte
	for range binary.BigEndian.Uint32(head[1:]) {
		if _, err := r.Read(one); err != nil {
			return nil, err
		}
		p = append(p, one[0])
	}
	return p, nil
}

// BenchmarkDecode shows what a bufio.Reader saves: ReadFrom reads header and payload,
// which is two system calls a value on a bare conn. MB/s counts payloads of 16 bytes.
func BenchmarkDecode(b *testing.B) {
	m := ch04.Binary("0123456789abcdef")
	var stream bytes.Buffer
	for range 1000 {
		m.WriteTo(&stream) // a bytes.Buffer does not fail
	}
	for _, size := range []int{0, 4 << 10} {
		b.Run(fmt.Sprintf("buffer=%d", size), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close() // ends the sender
			peer, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			go func() {
				defer peer.Close()
				for {
					if _, err := peer.Write(stream.Bytes()); err != nil {
						return // the benchmark is over
					}
				}
			}()
			var r io.Reader = conn
			if size > 0 {
				r = bufio.NewReaderSize(conn, size)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(m)))
			for b.Loop() {
				if _, err := m.ReadFrom(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
