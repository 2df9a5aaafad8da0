//go:build !386 && !s390x

package fastudp_test

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"network-programming-with-go/ch06/fastudp"
	"network-programming-with-go/ch06/internal/blocks"
	"network-programming-with-go/ch06/internal/netns"
)

// TestRefused has the kernel refuse to split writes. The window arrives unharmed, as single
// datagrams, and the socket sends such datagrams also when the reason is gone.
func TestRefused(t *testing.T) {
	const soNoCheck = 11 // SO_NO_CHECK: no checksums, without which the kernel does not split
	for _, tt := range []struct {
		name    string
		refuse  func(t *testing.T, c blocks.Conn)
		restore func(t *testing.T, c blocks.Conn)
	}{
		{"EINVAL: no checksums",
			func(t *testing.T, c blocks.Conn) { refusedOption(t, c, syscall.SOL_SOCKET, soNoCheck, 1) },
			func(t *testing.T, c blocks.Conn) { refusedOption(t, c, syscall.SOL_SOCKET, soNoCheck, 0) }},
		{"EMSGSIZE: larger than the MTU",
			func(t *testing.T, c blocks.Conn) { netns.IP(t, "link", "set", "lo", "mtu", "1400") },
			func(t *testing.T, c blocks.Conn) { netns.IP(t, "link", "set", "lo", "mtu", "65536") }},
		{"EPERM: a sandbox",
			func(t *testing.T, c blocks.Conn) { refusedSyscall(t, syscall.SYS_SENDMSG) },
			func(t *testing.T, c blocks.Conn) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			netns.Enter(t)
			sender, receiver, to := refusedPair(t)
			if reads := refusedWindow(t, sender, receiver, to); reads != 1 {
				t.Skipf("a window takes %d reads here anyway", reads)
			}
			tt.refuse(t, sender)
			for range 2 {
				if reads := refusedWindow(t, sender, receiver, to); reads != 44 {
					t.Errorf("refused: the window took %d reads, want 44", reads)
				}
			}
			tt.restore(t, sender)
			if reads := refusedWindow(t, sender, receiver, to); reads != 44 {
				t.Errorf("after a refusal: the window took %d reads, want 44", reads)
			}
		})
	}
}

// An error that single datagrams also get does not turn GSO off.
func TestRefusedForOtherReasons(t *testing.T) {
	sender, receiver, to := refusedPair(t)
	if reads := refusedWindow(t, sender, receiver, to); reads != 1 {
		t.Skipf("a window takes %d reads here anyway", reads)
	}
	if err := sender.WriteBlocks(make([]byte, 100), 10, netip.MustParseAddrPort("[::1]:9")); err == nil {
		t.Error("IPv6 from a socket for IPv4: no error")
	}
	sender.SetWriteDeadline(time.Unix(1, 0)) // cannot fail: sender is open
	if err := sender.WriteBlocks(make([]byte, 100), 10, to); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("WriteBlocks after its deadline: error = %v, want os.ErrDeadlineExceeded", err)
	}
	sender.SetWriteDeadline(time.Time{}) // as above
	if reads := refusedWindow(t, sender, receiver, to); reads != 1 {
		t.Errorf("after other errors: the window took %d reads, want 1", reads)
	}
}

// A sandbox that forbids the system call for single datagrams shows that a window needs none.
func TestOneCall(t *testing.T) {
	netns.Enter(t)
	sender, receiver, to := refusedPair(t)
	if reads := refusedWindow(t, sender, receiver, to); reads != 1 {
		t.Skipf("a window takes %d reads here anyway", reads)
	}
	refusedSyscall(t, syscall.SYS_SENDTO)
	if _, err := sender.WriteToUDPAddrPort([]byte("hello"), to); !errors.Is(err, syscall.EPERM) {
		t.Fatalf("WriteToUDPAddrPort error = %v, want EPERM", err)
	}
	if reads := refusedWindow(t, sender, receiver, to); reads != 1 {
		t.Errorf("the window took %d reads, want 1", reads)
	}
}

// refusedPair opens two sockets. The second one has the kernel join datagrams.
func refusedPair(t *testing.T) (sender, receiver blocks.Conn, to netip.AddrPort) {
	t.Helper()
	sender, _ = blocks.Open(t, fastudp.ListenPacket, "udp4", "127.0.0.1")
	receiver, to = blocks.Open(t, fastudp.ListenPacket, "udp4", "127.0.0.1")
	blocks.Join(t, receiver)
	return sender, receiver, to
}

// refusedWindow sends a window of 44 datagrams, and returns how many reads it took.
func refusedWindow(t *testing.T, sender, receiver blocks.Conn, to netip.AddrPort) (reads int) {
	t.Helper()
	window, got, b := make([]byte, 44*1432), []byte(nil), make([]byte, 64<<10)
	for i := range window {
		window[i] = byte(i / 1432)
	}
	if err := sender.WriteBlocks(window, 1432, to); err != nil {
		t.Fatalf("WriteBlocks error = %v", err)
	}
	receiver.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; receiver is open
	for ; len(got) < len(window); reads++ {
		n, size, _, err := receiver.ReadBlocks(b)
		if err != nil || size != 1432 {
			t.Fatalf("after %d bytes: ReadBlocks = %d, %d, %v", len(got), n, size, err)
		}
		got = append(got, b[:n]...)
	}
	if !bytes.Equal(got, window) {
		t.Error("the window was changed")
	}
	return reads
}

func refusedOption(t *testing.T, c blocks.Conn, level, option, value int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), level, option, value) })
	if err != nil {
		t.Skipf("option %d: %v", option, err)
	}
}

// refusedSyscall has the kernel refuse a system call of this thread, see seccomp(2).
func refusedSyscall(t *testing.T, number uint32) {
	t.Helper()
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: 0}, // the number
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: number, Jf: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0x00050000 | uint32(syscall.EPERM)}, // SECCOMP_RET_ERRNO
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0x7fff0000},                         // SECCOMP_RET_ALLOW
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const setSeccomp, setNoNewPrivs, modeFilter = 22, 38, 2
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0)
	if errno == 0 {
		_, _, errno = syscall.RawSyscall(syscall.SYS_PRCTL, setSeccomp, modeFilter, uintptr(unsafe.Pointer(&program)))
	}
	if errno != 0 {
		t.Skipf("no seccomp: %v", errno)
	}
}
