package ch04_test

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch04/internal/command"
)

// A host that does not respond, on loopback: a listener whose queue is full. Linux
// then drops what asks for another connection.
func TestPingCommandNoResponse(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, "./ping")
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	target := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	conn, err := net.Dial("tcp", target) // a queue of length 0 is full with one
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	got := command.Run(t, bin, "-c", "1", "-W", "100ms", target)
	want := "seq=1 " + target + " failed: no response in 100ms\n1 sent, 0 connected, 100% loss\n"
	if got.Status != 1 || got.Stdout != want {
		t.Errorf("exit status %d, printed %q, want 1 and %q", got.Status, got.Stdout, want)
	}
	t.Log(strings.TrimSpace(got.Stdout))
}
