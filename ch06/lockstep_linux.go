//go:build !386 && !s390x

package ch06

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Copy with: lockstep_other.go, link.go, offload_linux.go, offload_other.go, types.go.

// lockstep exchanges single datagrams with one peer that answers each at once. A small
// block costs little more than its system calls, so what package net does around them
// counts: here they skip the runtime's scheduler, which need not know of calls that never
// wait, and the clock is not asked. Whatever takes longer is left to package net, and so
// is everything where the lockstep is nil. Linux on 386 and s390x has no such calls, but
// one for all, socketcall(2).
//
// It is for a server whose only transfer this is: several of them would take turns at the
// whim of the kernel, where the runtime's poller serves each as its datagram comes.
type lockstep struct {
	raw  syscall.RawConn
	busy *atomic.Int32 // how many transfers there are
	peer netip.AddrPort
	addr []byte // peer, as a struct sockaddr

	// The system calls, and what they take and return: made once, or each datagram would
	// allocate a closure.
	get, put func(fd uintptr) bool
	b        []byte
	from     [28]byte // a struct sockaddr_in or sockaddr_in6
	size     uint32   // of what from holds
	n        uintptr
	errno    syscall.Errno

	turn        uint // counts what letPeerRun does
	rest, pause int  // calls until it is worth another try, and until the one after that
}

// newLockstep returns nil where conn is no UDP socket, or has another kind of address than
// peer, or peer's has a zone.
func newLockstep(conn datagramConn, peer netip.AddrPort, busy *atomic.Int32) *lockstep {
	udp, ok := conn.(*net.UDPConn)
	if !ok || peer.Addr().Zone() != "" {
		return nil
	}
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil
	}
	s := &lockstep{raw: raw, busy: busy, peer: peer}
	family := uint16(syscall.AF_INET)
	if udp.LocalAddr().(*net.UDPAddr).IP.To4() == nil { // it has IPv4 peers mapped to IPv6
		family = syscall.AF_INET6
	} else if !peer.Addr().Is4() {
		return nil // package net says what is wrong
	}
	s.addr = binary.NativeEndian.AppendUint16(s.addr, family)
	s.addr = binary.BigEndian.AppendUint16(s.addr, peer.Port())
	if family == syscall.AF_INET {
		s.addr = append(s.addr, peer.Addr().AsSlice()...)
		s.addr = append(s.addr, make([]byte, 8)...) // unused
	} else {
		ip := peer.Addr().As16()
		s.addr = append(s.addr, make([]byte, 4)...) // flow information
		s.addr = append(s.addr, ip[:]...)
		s.addr = append(s.addr, make([]byte, 4)...) // zone
	}
	s.get = func(fd uintptr) bool {
		s.size = uint32(len(s.from))
		s.n, _, s.errno = syscall.RawSyscall6(syscall.SYS_RECVFROM, fd,
			uintptr(unsafe.Pointer(&s.b[0])), uintptr(len(s.b)), syscall.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&s.from[0])), uintptr(unsafe.Pointer(&s.size)))
		return true // done, whatever came of it
	}
	s.put = func(fd uintptr) bool {
		s.n, _, s.errno = syscall.RawSyscall6(syscall.SYS_SENDTO, fd,
			uintptr(unsafe.Pointer(&s.b[0])), uintptr(len(s.b)), syscall.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&s.addr[0])), uintptr(len(s.addr)))
		return true
	}
	return s
}

// write sends one datagram to the peer, or reports false.
func (s *lockstep) write(b []byte, to netip.AddrPort) bool {
	if s == nil || to != s.peer {
		return false
	}
	s.b = b
	return s.raw.Write(s.put) == nil && s.errno == 0
}

// read returns the datagram that comes while the peer has the processor. It reports false
// where none does, and where the socket is closed or its deadline has passed.
func (s *lockstep) read(b []byte) (n int, from netip.AddrPort, ok bool) {
	if s == nil || !s.letPeerRun() {
		return 0, from, false
	}
	s.b = b
	if s.raw.Read(s.get) != nil || s.errno != 0 {
		return 0, from, false
	}
	return int(s.n), s.sender(), true
}

// sender returns where the last datagram came from.
func (s *lockstep) sender() netip.AddrPort {
	from := s.from[:s.size]
	if bytes.Equal(from, s.addr) {
		return s.peer
	}
	var ip netip.Addr
	switch family := binary.NativeEndian.Uint16(from); {
	case family == syscall.AF_INET && len(from) >= 16:
		ip = netip.AddrFrom4([4]byte(from[4:8]))
	case family == syscall.AF_INET6 && len(from) >= 28:
		ip = netip.AddrFrom16([16]byte(from[8:24])).Unmap()
		if zone := binary.NativeEndian.Uint32(from[24:28]); zone != 0 {
			ip = ip.WithZone(strconv.Itoa(int(zone)))
		}
	}
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(from[2:]))
}

// letPeerRun offers the processor to a peer on the same one, which finds its datagram
// there and answers: the read that follows then needs neither the runtime's poller nor
// its scheduler, which is a third of the time that a small block takes. A peer on another
// processor or machine costs a system call that does nothing.
//
// The goroutine may come to run for long without the scheduler noticing, so it says so
// itself now and then: otherwise the runtime's monitor thread starts to work against it.
// Where others compute on this processor, they keep it for milliseconds. That is measured
// now and then, and followed by a pause, longer each time, for which it reports false.
func (s *lockstep) letPeerRun() bool {
	const sample, slow, minPause, maxPause = 16, 200 * time.Microsecond, 1 << 10, 1 << 16
	if s.rest > 0 {
		s.rest--
		return false
	}
	if s.busy.Load() > 1 {
		return false
	}
	if s.turn++; s.turn%sample != 1 {
		syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) // always succeeds
		return true
	}
	runtime.Gosched()
	start := time.Now()
	syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
	if time.Since(start) < slow {
		s.pause = minPause
		return true
	}
	s.rest, s.turn = s.pause, 0 // the first after the pause is measured again
	s.pause = min(2*max(s.pause, minPause), maxPause)
	return true
}
