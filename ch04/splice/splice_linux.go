package splice

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Copy with: splice.go, pipe_linux.go, splice_other.go.

const (
	// spins is how often a transfer in full flow looks for more before it sleeps, and
	// shortSleep the longest sleep that shows full flow. To be woken costs more than to
	// look, but looking while nothing comes costs more than both.
	spins      = 100
	shortSleep = 100 * time.Microsecond

	// localSend is the send buffer for a peer on this machine, which acknowledges at
	// once: what waits in a larger one drops out of the CPU's cache. It is set after
	// longFlow bytes in full flow, as a message larger than it would take longer.
	localSend = 128 << 10
	longFlow  = 1 << 20
)

// tcpConn returns the TCP conn that c is or tells of, or nil.
func tcpConn(c net.Conn) (tcp *net.TCPConn, moved func()) {
	moved = func() {}
	if w, ok := c.(interface {
		NetConn() net.Conn
		Moved()
	}); ok {
		c, moved = w.NetConn(), w.Moved
	}
	tcp, _ = c.(*net.TCPConn)
	return tcp, moved
}

// A transfer holds the bytes between a read and a write: nowhere, in a buffer, or in a pipe.
type transfer struct {
	*pipes
	buf     *[]byte
	pipe    pipe
	piped   bool // pipe is in use
	noPipes bool // src has no splice
	size    int  // bytes read
	sent    int  // of which so many are written
}

// copyTCP is Copy for TCP conns. It uses raw conns, as net.Conn.Read wants its buffer
// before it waits.
func (p *pipes) copyTCP(dst, src net.Conn) (ok bool, err error) {
	d, written := tcpConn(dst)
	s, received := tcpConn(src)
	if d == nil || s == nil {
		return false, nil
	}
	to, err := d.SyscallConn()
	if err != nil {
		return true, err
	}
	from, err := s.SyscallConn()
	if err != nil {
		return true, err
	}
	var (
		t     = transfer{pipes: p}
		n     int // what the last call returned
		errno error
		bulk  bool      // the last read was large: the next one is likely to be
		full  bool      // in full flow: the last sleep was short
		slept time.Time // since when, while it waits for src
		flow  int       // bytes in full flow; -1 after localSend is set
	)
	defer t.release()
	read := func(fd uintptr) bool {
		if !slept.IsZero() {
			full = time.Since(slept) < shortSleep
			slept = time.Time{}
		}
		t.take(bulk)
		n, errno = try(full && bulk, func() (int, error) { return t.readFrom(int(fd)) })
		if t.piped && n == 0 && (errno == nil || errno == syscall.EAGAIN) {
			// Splice stops at urgent data, even after a FIN. A read passes over it.
			t.release()
			t.take(false)
			n, errno = try(false, func() (int, error) { return t.readFrom(int(fd)) })
		}
		if errno != syscall.EAGAIN {
			return true
		}
		t.release()
		slept = time.Now()
		return false // wait until src is readable
	}
	write := func(fd uintptr) bool {
		n, errno = try(full && bulk, func() (int, error) { return t.writeTo(int(fd)) })
		return errno != syscall.EAGAIN // or wait until dst is writable
	}
	for {
		if err := from.Read(read); err != nil {
			return true, err // closed, or past a deadline
		}
		if errno != nil {
			return true, &net.OpError{Op: "read", Net: "tcp", Source: s.LocalAddr(),
				Addr: s.RemoteAddr(), Err: os.NewSyscallError("read", errno)}
		}
		if n == 0 {
			return true, nil // the peer has sent all
		}
		received()
		bulk = n >= bufferSize
		if !full {
			flow = min(flow, 0)
		} else if flow >= 0 {
			if flow += n; flow >= longFlow {
				tune(d)
				flow = -1
			}
		}
		for t.size, t.sent = n, 0; t.sent < t.size; t.sent += n {
			if err := to.Write(write); err != nil {
				return true, err
			}
			if errno != nil {
				return true, &net.OpError{Op: "write", Net: "tcp", Source: d.LocalAddr(),
					Addr: d.RemoteAddr(), Err: os.NewSyscallError("write", errno)}
			}
			if n == 0 {
				return true, io.ErrShortWrite // never seen, but it would loop forever
			}
			written()
		}
		if bulk != t.piped {
			t.release() // the next read wants the other kind
		}
	}
}

// take makes sure that there is room for the next read.
func (t *transfer) take(bulk bool) {
	if t.buf != nil || t.piped {
		return
	}
	if bulk && !t.noPipes {
		t.pipe, t.piped = t.get()
	}
	if !t.piped {
		t.buf = t.buffer()
	}
}

func (t *transfer) readFrom(fd int) (int, error) {
	if t.piped {
		n, err := splice(fd, t.pipe[1], pipeSize)
		if err != syscall.EINVAL {
			return n, err
		}
		t.release() // a socket without splice, like one of MPTCP in older kernels
		t.noPipes = true
		t.take(false)
	}
	return syscall.Read(fd, *t.buf)
}

func (t *transfer) writeTo(fd int) (int, error) {
	if t.piped {
		return splice(t.pipe[0], fd, t.size-t.sent)
	}
	return syscall.Write(fd, (*t.buf)[t.sent:t.size])
}

func (t *transfer) release() {
	if t.buf != nil {
		t.buffers.Put(t.buf)
	}
	if t.piped {
		t.put(t.pipe, t.sent == t.size)
	}
	t.buf, t.piped = nil, false
}

// splice is splice(2): bytes move by reference, without entering this process.
func splice(from, to, size int) (int, error) {
	const move, nonblock = 1, 2 // SPLICE_F_MOVE, SPLICE_F_NONBLOCK
	n, err := syscall.Splice(from, nil, to, nil, size, move|nonblock)
	return int(n), err
}

// try calls op until it has something to say, but not for long.
func try(spin bool, op func() (int, error)) (n int, err error) {
	for tries := 0; ; {
		n, err = op()
		switch {
		case err == syscall.EINTR:
			continue
		case err != syscall.EAGAIN || !spin || tries == spins:
			return max(n, 0), err
		}
		tries++
		syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) // let the other end work
	}
}

// tune prepares c for a transfer to a peer on this machine. Further away a small send
// buffer would limit the speed to its size per round trip.
func tune(c *net.TCPConn) {
	local, ok := c.LocalAddr().(*net.TCPAddr)
	remote, ok2 := c.RemoteAddr().(*net.TCPAddr)
	if ok && ok2 && (remote.IP.IsLoopback() || remote.IP.Equal(local.IP)) {
		c.SetWriteBuffer(localSend) // if it fails, so will the next write
	}
}
