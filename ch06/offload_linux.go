package ch06

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
)

// Copy with: offload_other.go, lockstep_linux.go, lockstep_other.go, link.go, types.go.

// From linux/udp.h and the man page udp(7).
const (
	udpSegment  = 103       // UDP_SEGMENT: the kernel cuts one write into datagrams, since 4.18
	udpGRO      = 104       // UDP_GRO: the kernel joins datagrams for one read, since 5.0
	maxSegments = 64        // datagrams in one write
	maxPayload  = 65507     // bytes in one write
	batchSize   = 64 * 1024 // bytes that one read of joined datagrams may need
)

// offload moves a window of blocks with few system calls, where kernel and path allow it,
// and with one for each block otherwise.
type offload struct {
	conn    datagramConn
	cut     *net.UDPConn // the conn, where it cuts writes; nil: one by one
	joined  *net.UDPConn // the conn, where it joins reads; nil: one by one
	control []byte       // received beside the data: the size of the joined datagrams
	segment []byte       // sent beside the data: the size to cut at
}

// cutWrites says that writes of several datagrams, each of size bytes, will follow. A
// kernel that does not know the option would send a window as one datagram, so it is
// asked first.
func (o *offload) cutWrites(size int) {
	udp, ok := o.conn.(*net.UDPConn)
	if !ok || 2*size > maxPayload {
		return
	}
	o.onSocket(func(fd int) {
		if _, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_UDP, udpSegment); err == nil {
			o.cut, o.segment = udp, controlUint16(syscall.IPPROTO_UDP, udpSegment, uint16(size))
		}
	})
}

// joinReads says that many datagrams will come at once. It returns how long the buffer
// for read has to be where one for a single datagram has size bytes.
func (o *offload) joinReads(size int) int {
	udp, ok := o.conn.(*net.UDPConn)
	if !ok {
		return size
	}
	o.onSocket(func(fd int) {
		if syscall.SetsockoptInt(fd, syscall.IPPROTO_UDP, udpGRO, 1) == nil {
			o.joined, o.control = udp, make([]byte, syscall.CmsgSpace(4))
			size = max(size, batchSize)
		}
	})
	return size
}

// receiveBuffer asks for room for that many bytes, at most 4 MiB, and returns how many
// there are: the kernel's limit is net.core.rmem_max.
func (o *offload) receiveBuffer(size int) int {
	room := size
	o.onSocket(func(fd int) {
		got, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		if err == nil && got < size {
			syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, min(size, 4<<20)) // read back below
			got, err = syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
		}
		if err == nil {
			room = got
		}
	})
	return room
}

// onSocket calls do if the conn is a socket of the kernel's.
func (o *offload) onSocket(do func(fd int)) {
	if conn, ok := o.conn.(syscall.Conn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { do(int(fd)) }) // fails only where the conn is closed
		}
	}
}

// write sends a datagram for each size bytes of blocks.
func (o *offload) write(blocks []byte, size int, to netip.AddrPort) error {
	for o.cut != nil && len(blocks) > size {
		run := blocks[:min(len(blocks), size*min(maxSegments, maxPayload/size))]
		if _, _, err := o.cut.WriteMsgUDPAddrPort(run, o.segment, to); err != nil {
			// EINVAL: the path's MTU is smaller; EIO: the interface cannot. The reasons
			// stay, so the plain way is taken for good.
			o.cut = nil
			break
		}
		blocks = blocks[len(run):]
	}
	return writeEach(o.conn, blocks, size, to)
}

// read reads one datagram, or several joined: each of size bytes, the last perhaps fewer.
func (o *offload) read(b []byte) (n, size int, from netip.AddrPort, err error) {
	if o.joined == nil {
		n, from, err = o.conn.ReadFromUDPAddrPort(b)
		return n, n, from, err
	}
	n, oobn, _, from, err := o.joined.ReadMsgUDPAddrPort(b, o.control)
	size = n
	if data, ok := controlData(o.control[:oobn], syscall.IPPROTO_UDP, udpGRO); ok && len(data) >= 4 {
		size = int(binary.NativeEndian.Uint32(data))
	}
	return n, size, from, err
}

// controlUint16 makes a control message, see cmsg(3): its length is a word of the
// processor, level and type are 4 bytes each.
func controlUint16(level, typ uint32, value uint16) []byte {
	b := make([]byte, syscall.CmsgSpace(2))
	word := syscall.SizeofCmsghdr - 8
	if word == 8 {
		binary.NativeEndian.PutUint64(b, uint64(syscall.CmsgLen(2)))
	} else {
		binary.NativeEndian.PutUint32(b, uint32(syscall.CmsgLen(2)))
	}
	binary.NativeEndian.PutUint32(b[word:], level)
	binary.NativeEndian.PutUint32(b[word+4:], typ)
	binary.NativeEndian.PutUint16(b[syscall.CmsgLen(0):], value)
	return b
}

// controlData returns the data of the first control message of that type. The package
// syscall can take them all apart, but allocates to do so.
func controlData(b []byte, level, typ uint32) ([]byte, bool) {
	word, head := syscall.SizeofCmsghdr-8, syscall.CmsgLen(0)
	for len(b) >= head {
		size := int(binary.NativeEndian.Uint32(b)) // the kernel's own lengths are short
		if word == 8 {
			size = int(binary.NativeEndian.Uint64(b))
		}
		if size < head || size > len(b) {
			break
		}
		if binary.NativeEndian.Uint32(b[word:]) == level && binary.NativeEndian.Uint32(b[word+4:]) == typ {
			return b[head:size], true
		}
		b = b[min(len(b), syscall.CmsgSpace(size-head)):]
	}
	return nil, false
}
