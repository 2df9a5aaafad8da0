//go:build unix

package ch07_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07/internal/command"
	"network-programming-with-go/ch07/internal/conns"
)

// credsCommandStart starts the server. The returned function ends it by SIGTERM, checks that
// it exits with 0 and leaves no file, and returns its log.
func credsCommandStart(t *testing.T, program string,
	args ...string) (path string, stop func() string) {
	t.Helper()
	server := command.Start(t, program, args...)
	return server.Addr, func() string {
		t.Helper()
		got := server.Stop(t, syscall.SIGTERM)
		t.Logf("log:\n%s", got.Stderr)
		if got.Status != 0 {
			t.Errorf("after SIGTERM: status %d, want 0", got.Status)
		}
		for _, name := range []string{server.Addr, server.Addr + ".lock"} {
			if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind: %s (%v)", name, err)
			}
		}
		return got.Stderr
	}
}

func credsCommandDial(t *testing.T, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	return conn, bufio.NewReader(conn)
}

// credsCommandWant fails if the next line of the server is not the one wanted.
func credsCommandWant(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	if got, err := lines.ReadString('\n'); err != nil || got != want+"\n" {
		t.Errorf("response = %q, %v, want %q", got, err, want)
	}
}

func TestCredsCommand(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./creds")
	credsCommandUse(t, program)
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can identify peers")
	}
	dir := conns.SocketDir(t)
	if err := os.Chmod(dir, 0o711); err != nil { // other users connect, too
		t.Fatal(err)
	}
	socket, own := filepath.Join(dir, "creds.sock"), fmt.Sprint(os.Getegid())

	t.Run("welcome", func(t *testing.T) {
		path, stop := credsCommandStart(t, program, "-socket", socket, "4000000000", own)
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("socket file: %v, %v, want permission bits 0666", info, err)
		}
		conn, lines := credsCommandDial(t, path)
		credsCommandWant(t, lines, "Welcome")
		if _, err := io.WriteString(conn, "hello\n"); err != nil {
			t.Errorf("write of an admitted client: %v", err)
		}
		second := command.Run(t, program, "-socket", socket, own)
		if second.Status != 1 || !strings.Contains(second.Stderr, "in use") {
			t.Errorf("a second server: status %d, %q, want 1, in use", second.Status, second.Stderr)
		}
		want := fmt.Sprintf("pid=%d uid=%d gid=%s allowed=true", os.Getpid(), os.Geteuid(), own)
		if log := stop(); !strings.Contains(log, want) { // must not wait for a client that stays
			t.Errorf("log = %q, want %q in it", log, want)
		}
		_, err := lines.ReadByte()
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after the server's end: %v, want the connection's end", err)
		}
	})

	// A denied client gets its response even if it writes first. If the server closed with
	// bytes unread, it would reset the connection. If it closed without, a client such as nc,
	// which writes before it reads, would get EPIPE. So the server first only half-closes.
	t.Run("denied", func(t *testing.T) {
		path, stop := credsCommandStart(t, program, "-socket", socket, "4000000000")
		var err error
		for range 5 { // on a busy machine the second may be over too soon
			conn, lines := credsCommandDial(t, path)
			if _, err := io.WriteString(conn, "let me in\n"); err != nil {
				t.Errorf("write before the response is read: %v", err)
			}
			if got, err := io.ReadAll(lines); err != nil || string(got) != "Access denied\n" {
				t.Errorf("all that comes is %q, %v, want Access denied and the end", got, err)
			}
			if _, err = io.WriteString(conn, "why not?\n"); err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("write after the response: %v", err)
		}
		if log := stop(); !strings.Contains(log, "allowed=false") {
			t.Errorf("log = %q, want allowed=false in it", log)
		}
	})

	t.Run("default path", func(t *testing.T) {
		cmd := exec.Command(program, own)
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		server := command.StartCmd(t, cmd)
		server.WaitLine(t, "listening on "+filepath.Join(dir, "creds.sock"))
		hangUp := syscall.SIGHUP
		if signal.Ignored(hangUp) { // under nohup
			hangUp = syscall.SIGTERM
		}
		if got := server.Stop(t, hangUp); got.Status != 0 {
			t.Errorf("after %v: status %d, want 0", hangUp, got.Status)
		}
	})

	t.Run("abstract", func(t *testing.T) {
		name := fmt.Sprintf("@creds-%d", os.Getpid())
		path, stop := credsCommandStart(t, program, "-socket", name, own)
		defer stop()
		_, lines := credsCommandDial(t, path)
		credsCommandWant(t, lines, "Welcome")
	})
}

// credsCommandUse tries the flags and every kind of wrong use.
func credsCommandUse(t *testing.T, program string) {
	dir := conns.SocketDir(t)
	socket, own := filepath.Join(dir, "creds.sock"), fmt.Sprint(os.Getegid())
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		want   string // in standard error, for status 0 in standard output
	}{
		{"help", []string{"-h"}, 0, "Usage: creds"},
		{"help names the flags", []string{"-h"}, 0, "-socket"},
		{"nothing", nil, 2, "at least one GROUP"},
		{"no group", []string{"-socket", socket}, 2, "at least one GROUP"},
		{"unknown group", []string{"-socket", socket, own, "no-such-group"}, 2, `"no-such-group"`},
		{"unknown flag", []string{"-nonsense", own}, 2, "-nonsense"},
		{"missing folder", []string{"-socket", dir + "/none/s", own}, 1, "no such file"},
		{"a file", []string{"-socket", file, own}, 1, "not a socket"},
		{"too long", []string{"-socket", dir + strings.Repeat("/x", 60), own}, 1, "limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := command.Run(t, program, tt.args...)
			text := got.Stderr
			if tt.status == 0 {
				text = got.Stdout
			}
			if got.Status != tt.status || !strings.Contains(text, tt.want) {
				t.Errorf("creds %q: status %d, %q, want %d and %q",
					tt.args, got.Status, text, tt.status, tt.want)
			}
		})
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file named as a socket: %v", err)
	}
}
