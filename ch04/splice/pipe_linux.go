package splice

import (
	"sync"
	"syscall"
)

// Copy with: splice.go, splice_linux.go, splice_other.go.

const (
	bufferSize = 32 << 10 // enough for a conversation
	pipeSize   = 1 << 20  // the most a process without privileges gets
	pipesIdle  = 8        // kept at most
	pipesMax   = 64       // in use at most; further transfers use buffers
)

// A pipe is the reading and the writing end.
type pipe [2]int

// pipes has buffers and empty pipes to be used again.
type pipes struct {
	buffers sync.Pool

	mu   sync.Mutex // guards the rest
	idle []pipe
	used int
}

func (p *pipes) buffer() *[]byte {
	if buf, ok := p.buffers.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, bufferSize)
	return &buf
}

// get returns an empty pipe, unless too many are in use or there are no descriptors.
func (p *pipes) get() (pipe, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == pipesMax {
		return pipe{}, false
	}
	var next pipe
	if n := len(p.idle); n > 0 {
		next, p.idle = p.idle[n-1], p.idle[:n-1]
	} else if err := syscall.Pipe2(next[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return pipe{}, false
	} else { // if this fails the pipe still has its 64 KiB
		syscall.Syscall(syscall.SYS_FCNTL, uintptr(next[1]), syscall.F_SETPIPE_SZ, pipeSize)
	}
	p.used++
	return next, true
}

// put takes a pipe back. One with bytes in it must not be used again: they are of another
// connection.
func (p *pipes) put(next pipe, empty bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if empty && len(p.idle) < pipesIdle {
		p.idle = append(p.idle, next)
	} else {
		next.close()
	}
}

func (p *pipes) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, next := range p.idle {
		next.close()
	}
	p.idle = nil
	return nil
}

func (p pipe) close() { // cannot fail: nobody else has the descriptors
	syscall.Close(p[0])
	syscall.Close(p[1])
}
