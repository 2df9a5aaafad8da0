package main_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// CLOSE-WAIT does not last if keep-alive is on, as it is by default in Go: when the
// peer's kernel has forgotten the connection, a probe is answered by a reset. What
// stays is the descriptor. Here the peer forgets after 1 s, not 60.
func TestCloseWaitAndKeepAlive(t *testing.T) {
	t.Parallel()
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: time.Second, Interval: time.Second}}
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
	ends := closeWaitHex(t, server.LocalAddr()) + " " + closeWaitHex(t, server.RemoteAddr())
	table := func() string {
		b, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if !strings.Contains(table(), ends+" 08") { // 08 is CLOSE-WAIT
		t.Fatalf("%s is not in CLOSE-WAIT", ends)
	}
	start := time.Now()
	for strings.Contains(table(), ends) {
		if time.Since(start) > 30*time.Second {
			t.Fatal("still in CLOSE-WAIT after 30 s")
		}
		runtime.Gosched()
	}
	t.Logf("gone from CLOSE-WAIT after %v", time.Since(start).Round(100*time.Millisecond))
	// The socket is still open in this process: closed, Write would say net.ErrClosed.
	if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write error = %v, want EPIPE", err)
	}
}

// closeWaitHex returns an IPv4 address as /proc/net/tcp writes it.
func closeWaitHex(t *testing.T, a net.Addr) string {
	t.Helper()
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp.IP.To4() == nil {
		t.Fatalf("%v is no IPv4 address", a)
	}
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(tcp.IP.To4()), tcp.Port)
}
