package ch07_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echoCommandStart runs the server until the test ends and returns the address it announces.
// At the end it is sent SIGTERM, must exit 0, and must leave the directory as it was.
func echoCommandStart(t *testing.T, bin string, args ...string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs SIGTERM")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel) // the timeout kills a server that does not obey
	cmd := exec.CommandContext(ctx, bin, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr)
	ready, err := lines.ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(ready), "listening on ")
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		more, _ := io.ReadAll(lines)
		if err := cmd.Wait(); err != nil || len(more) > 0 {
			t.Errorf("after SIGTERM: %v, %q, want exit status 0 in silence", err, more)
		}
		for _, name := range []string{addr, addr + ".lock"} {
			if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind: %s (%v)", name, err)
			}
		}
	})
	if err != nil || !ok {
		if strings.Contains(ready, "not supported") {
			t.Skip(ready)
		}
		t.Fatalf("first line = %q, %v, want \"listening on ADDR\"", ready, err)
	}
	return addr
}

func TestEchoCommand(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	bin := filepath.Join(dir, "echo.exe")
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./echo", bin)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", bin, "./echo")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("echo"); err != nil {
		t.Fatal(err)
	}

	for network, addr := range map[string]string{
		"unix":       filepath.Join(dir, "stream"),
		"unixgram":   filepath.Join(dir, "datagram"),
		"unixpacket": filepath.Join(dir, "packet"),
		"tcp":        "127.0.0.1:0",
		"udp":        "127.0.0.1:0",
	} {
		t.Run(network, func(t *testing.T) {
			if network == "unixpacket" && runtime.GOOS == "darwin" {
				t.Skip("macOS has no unixpacket")
			}
			bound := echoCommandStart(t, bin, "-network", network, "-listen", addr)
			t.Logf("listening on %s", bound)
			var dialer net.Dialer
			if network == "unixgram" { // no answer without a name of its own
				own := filepath.Join(dir, "client")
				dialer.LocalAddr = &net.UnixAddr{Name: own, Net: network}
				defer os.Remove(own)
			}
			conn, err := dialer.Dial(network, bound)
			if err != nil {
				t.Fatal(err)
			}
			// Open until after SIGTERM: a client that stays must not keep the server.
			t.Cleanup(func() { conn.Close() })
			conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
			for _, word := range []string{"one", "two"} {
				got := make([]byte, len(word))
				io.WriteString(conn, word)
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != word {
					t.Errorf("echo = %q, %v, want %q", got, err, word)
				}
			}
		})
	}

	t.Run("killed", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("needs ch07.Listen")
		}
		path := filepath.Join(dir, "stream")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close() // what a killed server leaves
		echoCommandStart(t, bin, "-listen", path)
	})

	t.Run("help", func(t *testing.T) {
		out, err := exec.Command(bin, "-h").Output()
		if err != nil || !bytes.Contains(out, []byte("Usage: echo")) ||
			!bytes.Contains(out, []byte("-network")) {
			t.Errorf("echo -h: %v, output\n%s", err, out)
		}
	})

	t.Run("wrong use", func(t *testing.T) {
		for _, c := range []struct {
			args   []string
			status int
			reason string
		}{
			{[]string{"-network", "ipx"}, 2, `"ipx"`},
			{[]string{"stray"}, 2, `"stray"`},
			{[]string{"-nonsense"}, 2, "-nonsense"},
			{[]string{"-network", "tcp", "-listen", "127.0.0.1"}, 1, "missing port"},
			{[]string{"-network", "unixgram", "-listen", bin}, 1, "bind"},
			{[]string{"-listen", bin}, 1, "echo: "},
		} {
			var stderr strings.Builder
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel() // the timeout kills a server that should not have started
			cmd := exec.CommandContext(ctx, bin, c.args...)
			cmd.Stderr = &stderr
			cmd.Run() // the status is looked at below
			got, said := cmd.ProcessState.ExitCode(), stderr.String()
			if got != c.status || !strings.Contains(said, c.reason) {
				t.Errorf("echo %q: status %d, %q, want %d and %q",
					c.args, got, said, c.status, c.reason)
			}
		}
	})
}
