package splice

import (
	"sync"
	"syscall"
)

const (
	bufferSize = 32 << 10 // enough for a conversation
	pipeSize   = 1 << 20  // the most a process without privileges gets
	pipesIdle  = 8        // kept at most
	pipesMax   = 64       // in use at most; further transfers use buffers
)

// A holder is where bytes are between a read and a write: nowhere, in a buffer, or in a
// pipe.
type holder struct {
	*pipes
	buf   *[bufferSize]byte
	pipe  [2]int // its reading and its writing end
	piped bool   // pipe is in use
	size  int    // bytes read
	sent  int    // of which so many are written
}

// take makes sure that there is room for the next read.
func (h *holder) take(bulk bool) {
	if bulk && h.buf == nil && !h.piped {
		h.pipe, h.piped = h.get()
	}
	if h.piped || h.buf != nil {
		return
	}
	if h.buf, _ = h.buffers.Get().(*[bufferSize]byte); h.buf == nil {
		h.buf = new([bufferSize]byte)
	}
}

func (h *holder) readFrom(fd int) (int, error) {
	if h.piped {
		return splice(fd, h.pipe[1], pipeSize)
	}
	return syscall.Read(fd, h.buf[:])
}

func (h *holder) writeTo(fd int) (int, error) {
	if h.piped {
		return splice(h.pipe[0], fd, h.size-h.sent)
	}
	return syscall.Write(fd, h.buf[h.sent:h.size])
}

func (h *holder) release() {
	if h.buf != nil {
		h.buffers.Put(h.buf)
	}
	if h.piped {
		h.put(h.pipe, h.sent == h.size)
	}
	h.buf, h.piped = nil, false
}

// splice is splice(2): bytes move by reference, without entering this process.
func splice(from, to, size int) (int, error) {
	const move, nonblock = 1, 2 // SPLICE_F_MOVE, SPLICE_F_NONBLOCK
	n, err := syscall.Splice(from, nil, to, nil, size, move|nonblock)
	return int(n), err
}

// pipes has buffers and empty pipes to be used again.
type pipes struct {
	buffers sync.Pool

	mu   sync.Mutex // guards the rest
	idle [][2]int
	used int
}

// get returns an empty pipe, unless too many are in use or there are no descriptors.
func (p *pipes) get() (pipe [2]int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == pipesMax {
		return pipe, false
	}
	if n := len(p.idle); n > 0 {
		pipe, p.idle = p.idle[n-1], p.idle[:n-1]
	} else if syscall.Pipe2(pipe[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		return pipe, false
	} else { // if this fails the pipe still has its 64 KiB
		syscall.Syscall(syscall.SYS_FCNTL, uintptr(pipe[1]), syscall.F_SETPIPE_SZ, pipeSize)
	}
	p.used++
	return pipe, true
}

// put takes a pipe back. One with bytes in it must not be used again: they are of another
// connection.
func (p *pipes) put(pipe [2]int, empty bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if empty && len(p.idle) < pipesIdle {
		p.idle = append(p.idle, pipe)
	} else {
		closePipe(pipe)
	}
}

// Close closes the pipes that wait for another transfer.
func (p *pipes) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pipe := range p.idle {
		closePipe(pipe)
	}
	p.idle = nil
	return nil
}

func closePipe(pipe [2]int) { // cannot fail: nobody else has the descriptors
	syscall.Close(pipe[0])
	syscall.Close(pipe[1])
}
