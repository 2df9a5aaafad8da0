package main_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// CLOSE-WAIT does not last if keep-alive is on, as it is by default in Go. After the
// peer's kernel has forgotten the connection, it responds to a probe with a reset. Only
// the descriptor stays. Here the peer forgets after 1 s, not 60.
func TestCloseWaitAndKeepAlive(t *testing.T) {
	lc := net.ListenConfig{KeepAlive: -1} // it is set below
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	err = server.(*net.TCPConn).SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: false, Idle: time.Second, Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := client.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_LINGER2, 1)
	})
	if err := errors.Join(err, set); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if _, err := io.Copy(io.Discard, server); err != nil { // until the FIN
		t.Fatal(err)
	}
	start := time.Now()
	closeWaitUntil(t, server, tcpCloseWait) // at once
	// A probe that comes just before the peer forgets has no effect, and the next one is a
	// second later. So the probes begin after that moment.
	keepAlive := time.AfterFunc(100*time.Millisecond, func() {
		server.(*net.TCPConn).SetKeepAlive(true) // a failure shows below: nothing ends
	})
	defer keepAlive.Stop()
	t.Parallel() // what takes a second has begun
	closeWaitUntil(t, server, tcpClose)
	t.Logf("gone from CLOSE-WAIT after %v", time.Since(start).Round(100*time.Millisecond))
	// The socket is still open in this process: closed, Write would say net.ErrClosed.
	if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write error = %v, want EPIPE", err)
	}
}

// States as numbered by the kernel, include/net/tcp_states.h.
const (
	tcpClose     = 7 // ss does not show these
	tcpCloseWait = 8
)

// closeWaitUntil looks at the state of conn now and after each event that the kernel has
// for it, for at most 30 s, until it is want.
func closeWaitUntil(t *testing.T, conn net.Conn, want byte) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(30 * time.Second)) // cannot fail: conn is open
	var state byte
	err = raw.Read(func(fd uintptr) bool {
		// A struct tcp_info begins with the state.
		info, err := syscall.GetsockoptInet4Addr(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
		if err != nil {
			t.Error(err)
			return true
		}
		state = info[0]
		return state == want
	})
	if err != nil {
		t.Fatalf("state %d, waiting for %d: %v", state, want, err)
	}
}
