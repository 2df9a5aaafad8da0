package ch03_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch03"
)

// A server that is out of file descriptors goes on as soon as some are free. The server
// is this test in another process, which has a lower limit.
func TestServeOutOfFiles(t *testing.T) {
	if os.Getenv("CH03_SERVE_FILES") == "1" {
		serveFewFiles(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServeOutOfFiles$")
	cmd.Env = append(os.Environ(), "CH03_SERVE_FILES=1", "GORACE=atexit_sleep_ms=0")
	stdin, inErr := cmd.StdinPipe()
	stdout, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill() // an error means that it has ended
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the server's address: %v, got %q", err, line)
	}

	conns := make([]net.Conn, 40) // four times the descriptors of the server
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	last := len(conns) - 1
	if _, err := conns[0].Read(make([]byte, 1)); err != nil {
		t.Errorf("the first of %d conns got no response: %v", len(conns), err)
	}
	for _, conn := range conns[:last] {
		conn.Close()
	}
	if _, err := conns[last].Read(make([]byte, 1)); err != nil {
		t.Errorf("the last got no response after the others had ended: %v", err)
	}

	stdin.Close() // ends the server
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasPrefix(string(rest), "Serve = <nil>, failed accepts: true") {
		t.Errorf("the server ended with %q, %v", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server: %v", err)
	}
	t.Logf("%s", rest)
}

// serveFewFiles is the server. It can open 10 more files, and ends with its input.
func serveFewFiles(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	limit := syscall.Rlimit{Cur: uint64(len(open) + 10), Max: uint64(len(open) + 10)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin) // until the parent closes it or ends
		cancel()
	}()
	counted := &serveCount{Listener: l}
	err = ch03.Serve(ctx, counted, func(_ context.Context, conn net.Conn) {
		io.Copy(conn, conn) // an error shows in the client
	})
	fmt.Printf("Serve = %v, failed accepts: %v\n", err, counted.failed > 0)
}

// serveCount counts the accepts that failed for lack of file descriptors.
type serveCount struct {
	net.Listener
	failed int
}

func (l *serveCount) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if errors.Is(err, syscall.EMFILE) {
		l.failed++
	}
	return conn, err
}
