package ch05_test

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The kernel counts what it drops for each socket, in the last column of /proc/net/udp.
// "ss -um" shows it too, and "netstat -su" the sum. A server can watch its losses there.
func TestDropKernelCounter(t *testing.T) {
	receiver, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	if err := receiver.SetReadBuffer(16 << 10); err != nil { // 16 KiB
		t.Fatal(err)
	}
	sender, err := net.Dial("udp4", receiver.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if got := dropCount(t, receiver); got != 0 {
		t.Errorf("a new socket has dropped %d datagrams, want 0", got)
	}
	const datagrams = 200
	for range datagrams {
		if _, err := sender.Write(make([]byte, 1024)); err != nil {
			t.Fatal(err)
		}
	}

	// On loopback a write is done when its datagram is queued or dropped.
	dropped := dropCount(t, receiver)
	queued := dropDrain(t, receiver)
	if dropped == 0 || queued == 0 || dropped+queued != datagrams {
		t.Errorf("%d dropped and %d queued, want %d together", dropped, queued, datagrams)
	}
	t.Logf("sent %d: %d wait in the queue, %d dropped by the kernel's count", datagrams,
		queued, dropped)
}

// dropCount reads the drops column of the socket's line.
func dropCount(t *testing.T, conn *net.UDPConn) int {
	t.Helper()
	table, err := os.ReadFile("/proc/thread-self/net/udp")
	if err != nil {
		t.Skipf("no table of sockets here: %v", err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	local := fmt.Sprintf("0100007F:%04X", port) // 127.0.0.1 on a little-endian machine
	localBig := fmt.Sprintf("7F000001:%04X", port)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 13 || fields[1] != local && fields[1] != localBig {
			continue
		}
		drops, err := strconv.Atoi(fields[12])
		if err != nil {
			t.Fatalf("the drops in %q: %v", line, err)
		}
		return drops
	}
	t.Skipf("the table does not show %s", local)
	return 0
}

// dropDrain reads and counts what is queued. It does not wait for more.
func dropDrain(t *testing.T, conn *net.UDPConn) (n int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Read(func(fd uintptr) (done bool) {
		for p := make([]byte, 2048); ; n++ {
			_, _, err := syscall.Recvfrom(int(fd), p, syscall.MSG_DONTWAIT)
			if err != nil {
				return true // EAGAIN: the queue is empty
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
