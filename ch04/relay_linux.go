package ch04

import (
	"io"
	"net"
	"os"
	"syscall"
)

// Copy with: relay.go, proxy.go.

// relaySpins is how often a transfer in full flow looks for the next bytes before it
// goes to sleep. To be woken costs more than to look.
const relaySpins = 100

// relayCopy copies from src to dst through a buffer that it holds only while there
// are bytes in it: it waits for readiness first, and asks for a buffer then. That is
// what the raw conns are for; net.Conn.Read wants its buffer before it waits.
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
		buf   *[]byte // nil while waiting for bytes
		rest  []byte  // read and not yet written
		n     int     // what the last call returned
		errno error
		bulk  bool // the last read was large: the next one is likely to be
	)
	read := func(fd uintptr) bool {
		if buf == nil {
			buf = relayGet(bulk)
		}
		n, errno = relayTry(bulk, func() (int, error) { return syscall.Read(int(fd), *buf) })
		if errno != syscall.EAGAIN {
			return true
		}
		relayPut(buf)
		buf = nil
		return false // wait until src is readable
	}
	write := func(fd uintptr) bool {
		n, errno = relayTry(bulk, func() (int, error) { return syscall.Write(int(fd), rest) })
		return errno != syscall.EAGAIN // or wait until dst is writable
	}
	defer func() {
		if buf != nil {
			relayPut(buf)
		}
	}()
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
		for rest, bulk = (*buf)[:n], n >= relaySmall; len(rest) > 0; rest = rest[n:] {
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
		rest = nil // even an empty slice would keep the buffer from the collector
		if bulk == (len(*buf) == relaySmall) {
			relayPut(buf) // the next read asks for the other size
			buf = nil
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
