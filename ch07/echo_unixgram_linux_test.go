package ch07_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
)

// No unixgram server can prevent this: responses that wait to be read fill its own send
// buffer. One client that does not read shuts out the others until it is gone.
func TestUnixgramUnreadMessagesShutOutOthers(t *testing.T) {
	bind := func() *net.UnixConn { // without a name the kernel gives an abstract one
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	server, other := bind(), bind()
	// A client that is connected to the server has no limit on its queue.
	silent, err := net.DialUnix("unixgram", &net.UnixAddr{Name: server.LocalAddr().String() + "-silent",
		Net: "unixgram"}, server.LocalAddr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	raw, err := server.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	// try sends without waiting for room.
	try := func(to net.Addr) (err error) {
		raw.Write(func(fd uintptr) bool {
			err = syscall.Sendto(int(fd), make([]byte, 1000), 0,
				&syscall.SockaddrUnix{Name: to.String()})
			return true
		})
		return err
	}
	if err := try(other.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	unread := 0
	for ; err == nil && unread < 100_000; unread++ {
		err = try(silent.LocalAddr())
	}
	t.Logf("%d messages of 1,000 bytes wait for one client: %v", unread-1, err)
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatalf("sending to one that does not read: %v, want EAGAIN", err)
	}
	if err := try(other.LocalAddr()); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("sending to the other one: %v, want EAGAIN", err)
	}
	silent.Close()
	if err := try(other.LocalAddr()); err != nil {
		t.Errorf("sending to the other one when the first has gone: %v", err)
	}
}

// An abstract name has no file. DatagramEchoServer leaves a file that has such a name.
func TestDatagramEchoServerAbstractName(t *testing.T) {
	t.Chdir(conns.CleanDir(t))
	name := fmt.Sprintf("@ch07-datagram-%d", os.Getpid())
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := ch07.DatagramEchoServer(ctx, "unixgram", name); err != nil {
		t.Fatal(err)
	}
	cancel()
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		c, err := net.ListenPacket("unixgram", name) // works when the server has closed
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatalf("10 s after the end of the context: %v", err)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Errorf("the file: %v", err)
	}
}
