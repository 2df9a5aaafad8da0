package ch04_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A host that does not answer, on loopback: a listener whose queue is full. Linux
// then drops what asks for another connection.
func TestPingCommandNoAnswer(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "ping")
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./ping", bin)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("ping"); err != nil {
		t.Fatal(err)
	}
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

	out, err := exec.Command(bin, "-c", "1", "-W", "100ms", target).Output()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		t.Errorf("ping: %v, want exit status 1", err)
	}
	want := "seq=1 " + target + " failed: no answer in 100ms\n1 sent, 0 connected, 100% loss\n"
	if string(out) != want {
		t.Errorf("ping printed %q, want %q", out, want)
	}
	t.Log(strings.TrimSpace(string(out)))
}
