package ch04_test

import (
	"encoding/binary"
	"net"
	"syscall"
	"testing"
	"time"
)

// tcpGet asks the kernel for an option of conn.
func tcpGet(t *testing.T, conn *net.TCPConn, level, option int) (value int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		value, optErr = syscall.GetsockoptInt(int(fd), level, option)
	}); err != nil || optErr != nil {
		t.Fatal(err, optErr)
	}
	return value
}

// tcpLinger asks for SO_LINGER, a pair of numbers. Package syscall has no call for it,
// but one that returns eight bytes.
func tcpLinger(t *testing.T, conn *net.TCPConn) (on, seconds uint32) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var pair *syscall.IPMreq
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		pair, optErr = syscall.GetsockoptIPMreq(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER)
	}); err != nil || optErr != nil {
		t.Fatal(err, optErr)
	}
	return binary.NativeEndian.Uint32(pair.Multiaddr[:]),
		binary.NativeEndian.Uint32(pair.Interface[:])
}

// What each method of a *net.TCPConn asks of the kernel, and what Go asks by itself.
func TestTCPOptionsInKernel(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn := c.(*net.TCPConn)
	const tcp, socket = syscall.IPPROTO_TCP, syscall.SOL_SOCKET
	is := func(what string, level, option, want int) {
		t.Helper()
		if got := tcpGet(t, conn, level, option); got != want {
			t.Errorf("%s = %d, want %d", what, got, want)
		}
		t.Logf("%-44s %d", what, want)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	is("a new conn: TCP_NODELAY, no Nagle", tcp, syscall.TCP_NODELAY, 1)
	is("a new conn: SO_KEEPALIVE", socket, syscall.SO_KEEPALIVE, 1)
	is("a new conn: TCP_KEEPIDLE, seconds", tcp, syscall.TCP_KEEPIDLE, 15)
	is("a new conn: TCP_KEEPINTVL, seconds", tcp, syscall.TCP_KEEPINTVL, 15)
	is("a new conn: TCP_KEEPCNT, probes", tcp, syscall.TCP_KEEPCNT, 9)

	must(conn.SetNoDelay(false))
	is("SetNoDelay(false): TCP_NODELAY", tcp, syscall.TCP_NODELAY, 0)

	must(conn.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: time.Minute, Interval: 10 * time.Second, Count: 3,
	}))
	is("SetKeepAliveConfig: TCP_KEEPIDLE", tcp, syscall.TCP_KEEPIDLE, 60)
	is("SetKeepAliveConfig: TCP_KEEPINTVL", tcp, syscall.TCP_KEEPINTVL, 10)
	is("SetKeepAliveConfig: TCP_KEEPCNT", tcp, syscall.TCP_KEEPCNT, 3)
	must(conn.SetKeepAlive(false))
	is("SetKeepAlive(false): SO_KEEPALIVE", socket, syscall.SO_KEEPALIVE, 0)

	// The kernel doubles the number, for its own bookkeeping: socket(7).
	must(conn.SetReadBuffer(32 << 10))
	is("SetReadBuffer(32 KiB): SO_RCVBUF", socket, syscall.SO_RCVBUF, 64<<10)
	must(conn.SetWriteBuffer(32 << 10))
	is("SetWriteBuffer(32 KiB): SO_SNDBUF", socket, syscall.SO_SNDBUF, 64<<10)

	for _, tt := range []struct {
		seconds, want int
		on            uint32
	}{
		{5, 5, 1},  // Close returns; the kernel tries for 5 s to deliver
		{0, 0, 1},  // Close discards and resets
		{-1, 0, 0}, // the default: the kernel delivers in the background
	} {
		must(conn.SetLinger(tt.seconds))
		on, seconds := tcpLinger(t, conn)
		if on != tt.on || seconds != uint32(tt.want) {
			t.Errorf("SetLinger(%d): %d, %d s, want %d, %d s",
				tt.seconds, on, seconds, tt.on, tt.want)
		}
		t.Logf("SetLinger(%2d): on %d, %d s", tt.seconds, on, seconds)
	}
}
