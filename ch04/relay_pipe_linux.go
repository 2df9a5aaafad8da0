package ch04

import (
	"sync/atomic"
	"syscall"
)

// Copy with: relay.go, relay_linux.go, relay_other.go, proxy.go.

const (
	relayPipeSize = 1 << 20 // bytes asked for, the most a process without privileges gets
	relayPipeMax  = 64      // pipes in use at most; further transfers use buffers
)

// relayHold is where the bytes are between a read and a write: nowhere, in a buffer,
// or in a pipe.
type relayHold struct {
	buf  *[]byte
	pipe *relayPipe
	size int  // bytes read
	sent int  // of which so many are written
	copy bool // use no pipe: src has no splice
}

func (h *relayHold) take(bulk bool) {
	if h.buf != nil || h.pipe != nil {
		return
	}
	if bulk && !h.copy {
		h.pipe = relayPipeGet()
	}
	if h.pipe == nil {
		h.buf = relayPool.Get().(*[]byte)
	}
}

func (h *relayHold) readFrom(fd int) (int, error) {
	if h.pipe != nil {
		n, err := relayMove(fd, h.pipe[1], relayPipeSize)
		if err != syscall.EINVAL {
			return n, err
		}
		h.release() // a socket without splice, like one of MPTCP in older kernels
		h.copy = true
		h.take(false)
	}
	return syscall.Read(fd, *h.buf)
}

func (h *relayHold) writeTo(fd int) (int, error) {
	if h.pipe != nil {
		return relayMove(h.pipe[0], fd, h.size-h.sent)
	}
	return syscall.Write(fd, (*h.buf)[h.sent:h.size])
}

func (h *relayHold) release() {
	if h.buf != nil {
		relayPool.Put(h.buf)
	}
	if h.pipe != nil {
		h.pipe.put(h.sent == h.size)
	}
	h.buf, h.pipe = nil, nil
}

// relayMove is splice(2): bytes move by reference, without entering this process.
func relayMove(from, to, size int) (int, error) {
	const move, nonblock = 1, 2 // SPLICE_F_MOVE, SPLICE_F_NONBLOCK
	n, err := syscall.Splice(from, nil, to, nil, size, move|nonblock)
	return int(n), err
}

// A relayPipe is the reading and the writing end of a pipe.
type relayPipe [2]int

var (
	relayPipeUsed atomic.Int32
	relayPipeIdle = make(chan *relayPipe, 8) // empty pipes, to be used again
)

// relayPipeGet returns an empty pipe, or nil if there are too many.
func relayPipeGet() *relayPipe {
	if relayPipeUsed.Add(1) > relayPipeMax {
		relayPipeUsed.Add(-1)
		return nil
	}
	select {
	case p := <-relayPipeIdle:
		return p
	default:
	}
	var p relayPipe
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		relayPipeUsed.Add(-1)
		return nil // out of descriptors: a buffer will do
	}
	// If this fails the pipe has its 64 KiB and works all the same.
	syscall.Syscall(syscall.SYS_FCNTL, uintptr(p[1]), syscall.F_SETPIPE_SZ, relayPipeSize)
	return &p
}

// put gives the pipe back. One with bytes in it is of no use to another transfer.
func (p *relayPipe) put(empty bool) {
	relayPipeUsed.Add(-1)
	if empty {
		select {
		case relayPipeIdle <- p:
			return
		default:
		}
	}
	syscall.Close(p[0]) // neither can fail: nobody else has the descriptors
	syscall.Close(p[1])
}
