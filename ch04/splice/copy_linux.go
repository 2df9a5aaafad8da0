package splice

import (
	"errors"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"time"
)

// Copy with: hold_linux.go, copy_other.go.

const (
	// A transfer is in full flow if its last sleep was short. Then it looks for more a few
	// times before it sleeps again: to be woken costs more than to look.
	spins      = 100
	shortSleep = time.Millisecond

	// After longFlow bytes in full flow to a peer on this machine, localSend is the send
	// buffer: what waits in a larger one drops out of the CPU's cache.
	localSend = 128 << 10
	longFlow  = 1 << 20
)

// copyTCP is Copy for TCP conns. It uses raw conns, as net.Conn.Read wants its buffer
// before it waits.
func (p *pipes) copyTCP(dst, src net.Conn) (ok bool, err error) {
	d, written := tcpConn(dst)
	s, received := tcpConn(src)
	if d == nil || s == nil {
		return false, nil
	}
	to, toErr := d.SyscallConn()
	from, fromErr := s.SyscallConn()
	if err := errors.Join(toErr, fromErr); err != nil {
		return true, err
	}
	var (
		h     = holder{pipes: p}
		n     int // what the last call returned
		errno error
		bulk  bool      // the last read was large: the next one is likely to be
		full  bool      // in full flow: the last sleep was short
		slept time.Time // since when, while it waits for src
		flow  int       // bytes in full flow; negative after longFlow
	)
	defer h.release()
	read := func(fd uintptr) bool {
		if !slept.IsZero() {
			full = time.Since(slept) < shortSleep
			slept = time.Time{}
		}
		h.take(bulk)
		n, errno = try(full && bulk, func() (int, error) { return h.readFrom(int(fd)) })
		if h.piped && n == 0 && (errno == nil || errno == syscall.EAGAIN || errno == syscall.EINVAL) {
			// Splice stops at urgent data, even after a FIN, and read passes over it. EINVAL
			// is of a socket without splice, like one of MPTCP in older kernels.
			h.release()
			h.take(false)
			n, errno = try(false, func() (int, error) { return h.readFrom(int(fd)) })
		}
		if errno != syscall.EAGAIN {
			return true
		}
		h.release()
		slept = time.Now()
		return false // wait until src is readable
	}
	write := func(fd uintptr) bool {
		n, errno = try(full && bulk, func() (int, error) { return h.writeTo(int(fd)) })
		return errno != syscall.EAGAIN // or wait until dst is writable
	}
	for {
		if err := from.Read(read); err != nil {
			return true, err // closed, or past a deadline
		} else if errno != nil {
			return true, os.NewSyscallError("read", errno)
		} else if n == 0 {
			return true, nil // the peer has sent all
		}
		received()
		bulk = n >= bufferSize
		if !full {
			flow = min(flow, 0)
		} else if flow += n; flow >= longFlow {
			flow = math.MinInt
			local, ok := d.LocalAddr().(*net.TCPAddr)
			peer, ok2 := d.RemoteAddr().(*net.TCPAddr)
			if ok && ok2 && (peer.IP.IsLoopback() || peer.IP.Equal(local.IP)) {
				d.SetWriteBuffer(localSend) // further away it would limit the speed
			}
		}
		for h.size, h.sent = n, 0; h.sent < h.size; h.sent += n {
			if err := to.Write(write); err != nil {
				return true, err
			} else if errno != nil {
				return true, os.NewSyscallError("write", errno)
			} else if n == 0 {
				return true, io.ErrShortWrite // never seen, but it would loop forever
			}
			written()
		}
		if bulk != h.piped {
			h.release() // the next read wants the other kind
		}
	}
}

// tcpConn returns the TCP conn that c is, or that it wraps with the methods named at Copy.
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

// try calls op until it has something to say, but not for long.
func try(spin bool, op func() (int, error)) (n int, err error) {
	for tries := 0; ; tries++ {
		n, err = op()
		if err == syscall.EAGAIN && spin && tries < spins {
			syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) // let the other end work
		} else if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
