package ch07_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch07"
)

// TestListenIntruder tries to connect to CH07_INTRUDE until standard input ends. It runs
// as another process, and another user if it can be.
func TestListenIntruder(t *testing.T) {
	path := os.Getenv("CH07_INTRUDE")
	if path == "" {
		t.Skip("runs as a child process of TestListenNoWindow only")
	}
	// The open door beside it shows that the directory itself does not stop us.
	if conn, err := net.Dial("unix", path+".open"); err != nil {
		fmt.Println("cannot reach the directory:", err)
		return
	} else {
		conn.Close()
	}
	fmt.Println("ready")
	over := make(chan bool)
	go func() { io.Copy(io.Discard, os.Stdin); close(over) }()
	for tries := 1; ; tries++ {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			fmt.Println("got in at try", tries)
			return
		}
		select {
		case <-over:
			fmt.Println("kept out", tries, "times")
			return
		default:
		}
	}
}

// There is no moment at which a user without the right can connect, not even with a
// umask of 0. (With net.Listen and os.Chmod after it, the intruder gets in.)
func TestListenNoWindow(t *testing.T) {
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s.sock")
	open, err := ch07.Listen("unix", path+".open", 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()

	// /proc/self/exe can be run even from a directory that the other user cannot search.
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestListenIntruder$")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "CH07_INTRUDE="+path,
		"GORACE=atexit_sleep_ms=0") // or it stays for a second
	perm := fs.FileMode(0) // shuts out the owner too, but not root
	if os.Getuid() == 0 {
		perm = 0o600
		cred := &syscall.Credential{Uid: 65534, Gid: 65534}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no process as user 65534: %v", err)
	}
	lines := bufio.NewReader(stdout)
	ready, _ := lines.ReadString('\n')
	if ready == "ready\n" {
		old := syscall.Umask(0)
		for range 300 {
			l, err := ch07.Listen("unix", path, perm)
			if err != nil {
				t.Errorf("Listen: %v", err)
				break
			}
			l.Close()
		}
		syscall.Umask(old)
	}
	stdin.Close()
	result, _ := lines.ReadString('\n')
	io.Copy(io.Discard, lines)
	cmd.Wait() // its exit status says nothing new
	if ready != "ready\n" {
		t.Skipf("the intruder %s", strings.TrimSpace(ready))
	}
	t.Logf("the intruder was %s", strings.TrimSpace(result))
	if !strings.HasPrefix(result, "kept out") {
		t.Errorf("intruder says %q, want it kept out", result)
	}
}

// Abstract names are no files. They cannot have permission bits, so none may be asked for.
func TestListenAbstract(t *testing.T) {
	name := fmt.Sprintf("@ch07-%d", os.Getpid())
	l, err := ch07.Listen("unix", name, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("listening on %s", l.Addr())
	conn, err := net.Dial("unix", name)
	if err != nil {
		t.Errorf("dial: %v", err)
	} else {
		conn.Close()
	}
	if l, err := ch07.Listen("unix", name, 0); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen on a live name = %v, %v, want EADDRINUSE", l, err)
	}
	l.Close()
	if _, err := net.Dial("unix", name); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after Close: %v, want ECONNREFUSED", err)
	}
	if l, err := ch07.Listen("unix", name, 0o600); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen with bits = %v, %v, want errors.ErrUnsupported", l, err)
	}
	longest := name + strings.Repeat("x", 108-len(name))
	if l, err := ch07.Listen("unix", longest, 0); err != nil {
		t.Errorf("Listen with 107 bytes after the @: %v", err)
	} else {
		l.Close()
	}
	if l, err := ch07.Listen("unix", longest+"x", 0); !errors.Is(err, ch07.ErrPathTooLong) {
		t.Errorf("Listen with 108 bytes after the @ = %v, %v, want ErrPathTooLong", l, err)
	}
}
