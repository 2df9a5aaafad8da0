package ch04

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Copy with: types.go.

const (
	tlvHeader = 5        // bytes: type and length
	tlvChunk  = 64 << 10 // 64 KiB: what we trust a header to announce unseen
)

// tlvScratch spares each call a buffer of its own: behind an io.Reader or an
// io.Writer even five bytes escape to the heap.
var tlvScratch = sync.Pool{New: func() any { b := make([]byte, 512); return &b }}

// tlvRelease keeps small buffers only, or one large value would pin its memory.
func tlvRelease(buf *[]byte) {
	if cap(*buf) <= tlvHeader+tlvChunk {
		*buf = (*buf)[:cap(*buf)]
		tlvScratch.Put(buf)
	}
}

func tlvRead(r io.Reader, want uint8, dst []byte) ([]byte, int64, error) {
	buf := tlvScratch.Get().(*[]byte)
	typ, size, n, err := tlvReadHeader(r, *buf)
	tlvRelease(buf)
	if err == nil && typ != want {
		err = &TypeError{Got: typ, Want: want}
	}
	if err != nil {
		return dst[:0], n, err
	}
	p, m, err := tlvReadValue(r, dst, size)
	if err != nil {
		p = p[:0]
	}
	return p, n + m, err
}

func tlvReadHeader(r io.Reader, buf []byte) (typ uint8, size uint32, n int64, err error) {
	head := buf[:tlvHeader]
	got, err := io.ReadFull(r, head)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, 0, int64(got), err // unwrapped: read loops compare io.EOF directly
	} else if err != nil {
		return 0, 0, int64(got), fmt.Errorf("tlv: header: %w", err)
	}
	return head[0], binary.BigEndian.Uint32(head[1:]), int64(got), nil
}

func tlvReadValue(r io.Reader, dst []byte, size uint32) ([]byte, int64, error) {
	if size > MaxPayloadSize {
		return dst[:0], 0, fmt.Errorf("%w: %d bytes, limit %d",
			ErrMaxPayloadSize, size, MaxPayloadSize)
	}
	if dst == nil {
		dst = []byte{} // an empty payload is not a missing one
	}
	dst = dst[:0]
	for len(dst) < int(size) {
		// What the buffer holds already costs nothing. Beyond that, double what has
		// arrived: a peer that claims 10 MiB has to send 5 before we make room for 10.
		have := len(dst)
		next := min(max(have+tlvChunk, 2*have, cap(dst)), int(size))
		if next > cap(dst) {
			dst = append(make([]byte, 0, next), dst...)
		}
		dst = dst[:next]
		n, err := io.ReadFull(r, dst[have:])
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return dst[:have+n], int64(have + n), io.ErrUnexpectedEOF // more was promised
		} else if err != nil {
			return dst[:have+n], int64(have + n), fmt.Errorf("tlv: %d-byte payload: %w", size, err)
		}
	}
	return dst, int64(len(dst)), nil
}

func tlvWrite[T Binary | String](w io.Writer, typ uint8, value T) (int64, error) {
	if uint64(len(value)) > uint64(MaxPayloadSize) {
		return 0, fmt.Errorf("%w: %d bytes, limit %d",
			ErrMaxPayloadSize, len(value), MaxPayloadSize)
	}
	buf := tlvScratch.Get().(*[]byte)
	defer tlvRelease(buf)
	head := append((*buf)[:0], typ)
	head = binary.BigEndian.AppendUint32(head, uint32(len(value)))
	var n int64
	var err error
	if large, ok := any(value).(Binary); ok && len(value) > tlvChunk && tlvWritev(w) {
		n, err = (&net.Buffers{head, large}).WriteTo(w) // one system call, nothing copied
	} else {
		*buf = append(head, value...) // copying costs less than a second segment
		var m int
		m, err = w.Write(*buf)
		n = int64(m)
	}
	if err == nil && n < tlvHeader+int64(len(value)) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return n, fmt.Errorf("tlv: write: %w", err)
	}
	return n, nil
}

// tlvWritev reports whether net.Buffers goes to w as one writev. To any other
// writer it would be one Write for the header and one for the payload.
func tlvWritev(w io.Writer) bool {
	switch w.(type) {
	case *net.TCPConn, *net.UnixConn:
		return true
	}
	return false
}
