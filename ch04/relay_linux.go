package ch04

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Copy with: relay.go, relay_pipe_linux.go, relay_other.go, proxy.go.

const (
	// relaySpins is how often a transfer in full flow looks for the next bytes before
	// it goes to sleep. To be woken costs more than to look.
	relaySpins = 100

	// relayLocalSend is the send buffer for a transfer to a peer on this machine, which
	// acknowledges at once. What waits in a larger one drops out of the CPU's cache.
	// A message that is larger than it would take longer, so it is for transfers only:
	// relayFlow bytes without a pause.
	relayLocalSend = 128 << 10
	relayFlow      = 1 << 20
)

// relayCopy copies from src to dst: conversations through a buffer, and a transfer in
// full flow through a pipe, so that its bytes stay in the kernel. It holds either only
// while there are bytes in it: it waits for readiness first, and asks for a buffer then.
// That is what the raw conns are for; net.Conn.Read wants its buffer before it waits.
func relayCopy(dst, src net.Conn, moved func()) error {
	d, ok := dst.(*net.TCPConn)
	s, ok2 := src.(*net.TCPConn)
	if !ok || !ok2 {
		return relayPlain(dst, src, moved)
	}
	to, err := d.SyscallConn()
	if err != nil {
		return err
	}
	from, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var (
		h     relayHold
		n     int // what the last call returned
		errno error
		bulk  bool // the last read was large: the next one is likely to be
		flow  int  // bytes since it last waited for src
		tuned bool // relayTune was called
	)
	defer h.release()
	read := func(fd uintptr) bool {
		h.take(bulk)
		n, errno = relayTry(bulk, func() (int, error) { return h.readFrom(int(fd)) })
		if errno != syscall.EAGAIN {
			return true
		}
		h.release()
		flow = 0
		return false // wait until src is readable
	}
	write := func(fd uintptr) bool {
		n, errno = relayTry(bulk, func() (int, error) { return h.writeTo(int(fd)) })
		return errno != syscall.EAGAIN // or wait until dst is writable
	}
	for {
		if err := from.Read(read); err != nil {
			return err // closed, or past a deadline
		}
		if errno != nil {
			return &net.OpError{Op: "read", Net: "tcp", Source: s.LocalAddr(),
				Addr: s.RemoteAddr(), Err: os.NewSyscallError("read", errno)}
		}
		if n == 0 {
			return nil // the peer has sent all
		}
		moved()
		bulk = n >= relaySmall
		if flow += n; flow >= relayFlow && !tuned {
			relayTune(d)
			tuned = true
		}
		for h.size, h.sent = n, 0; h.sent < h.size; h.sent += n {
			if err := to.Write(write); err != nil {
				return err
			}
			if errno != nil {
				return &net.OpError{Op: "write", Net: "tcp", Source: d.LocalAddr(),
					Addr: d.RemoteAddr(), Err: os.NewSyscallError("write", errno)}
			}
			if n == 0 {
				return io.ErrShortWrite // never seen, but it would loop for ever
			}
			moved()
		}
		if bulk == (h.pipe == nil) {
			h.release() // the next read wants the other kind
		}
	}
}

// relayTry calls op until it has something to say, but not for long.
func relayTry(spin bool, op func() (int, error)) (n int, err error) {
	for tries := 0; ; {
		n, err = op()
		switch {
		case err == syscall.EINTR:
			continue
		case err != syscall.EAGAIN || !spin || tries == relaySpins:
			return max(n, 0), err
		}
		tries++
		syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) // let the other end work
	}
}

// relayTune prepares c for a transfer to it, if its peer is on this machine. Further
// away a small send buffer would limit the speed to its size per round trip.
func relayTune(c *net.TCPConn) {
	local, ok := c.LocalAddr().(*net.TCPAddr)
	remote, ok2 := c.RemoteAddr().(*net.TCPAddr)
	if ok && ok2 && (remote.IP.IsLoopback() || remote.IP.Equal(local.IP)) {
		c.SetWriteBuffer(relayLocalSend) // if it fails, so will the next write
	}
}
