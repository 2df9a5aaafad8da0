package ch05_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// The command as its users run it.
func TestEchoCommand(t *testing.T) {
	t.Parallel()
	// Windows wants the ending .exe.
	bin := filepath.Join(t.TempDir(), "echo.exe")
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
	run := func(t *testing.T, args ...string) (status int, stdout, stderr string) {
		t.Helper()
		var out, errs strings.Builder
		cmd := exec.CommandContext(t.Context(), bin, args...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), out.String(), errs.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0, out.String(), errs.String()
	}

	t.Run("help", func(t *testing.T) {
		status, stdout, stderr := run(t, "-h")
		if status != 0 || stderr != "" || !strings.Contains(stdout, "-listen HOST:PORT") ||
			!strings.Contains(stdout, "go run ./ch05/echo") {
			t.Errorf("-h: status %d\n%s%s", status, stdout, stderr)
		}
	})
	t.Run("wrong use", func(t *testing.T) {
		for _, args := range [][]string{
			{"-nonsense"}, {"stray"}, {"-listen", "127.0.0.1"}, {"-to", "127.0.0.1:7"},
			{"-to", "127.0.0.1:7", "a", "b"}, {"-to", "", "a"}, {"-tries", "2"},
			{"-to", "127.0.0.1:7", "-tries", "0", "a"},
			{"-to", "127.0.0.1:7", "-wait", "0s", "a"},
			{"-listen", "127.0.0.1:0", "-to", "127.0.0.1:7", "a"},
		} {
			status, stdout, stderr := run(t, args...)
			if status != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("%q: status %d, want 2 and a line\n%s%s", args, status, stdout, stderr)
			}
			t.Logf("%s", strings.TrimSuffix(stderr, "\n"))
		}
	})

	server := exec.CommandContext(t.Context(), bin, "-listen", "127.0.0.1:0")
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Process.Kill() // an error means that it has ended
	lines := bufio.NewScanner(log)
	lines.Scan()
	address, ok := strings.CutPrefix(lines.Text(), "listening on ")
	if !ok {
		t.Fatalf("the first line is %q, want listening on HOST:PORT", lines.Text())
	}

	t.Run("ask", func(t *testing.T) {
		for _, text := range []string{"hello", "", strings.Repeat("x", 8000)} {
			status, stdout, stderr := run(t, "-to", address, "-wait", "10s", text)
			if status != 0 || stdout != text+"\n" {
				t.Errorf("status %d, answer %q, want %q\n%s", status, stdout, text, stderr)
			}
		}
	})
	t.Run("address in use", func(t *testing.T) {
		status, _, stderr := run(t, "-listen", address)
		if status != 1 || !strings.HasPrefix(stderr, "echo: ") {
			t.Errorf("status %d, want 1\n%s", status, stderr)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		silent, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		status, stdout, stderr := run(t, "-to", silent.LocalAddr().String(), "-tries", "2",
			"-wait", "10ms", "hello")
		if status != 1 || stdout != "" || !strings.Contains(stderr, "2 of 2") {
			t.Errorf("status %d, want 1\n%s%s", status, stdout, stderr)
		}
	})
	t.Run("SIGTERM", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("no SIGTERM there")
		}
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			t.Errorf("another line: %s", lines.Text())
		}
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v, want status 0", err)
		}
		status, stdout, stderr := run(t, "-to", address, "-wait", "10ms", "hello")
		if status != 1 || stdout != "" || !strings.HasPrefix(stderr, "echo: ") {
			t.Errorf("asked a server that has ended: status %d, want 1\n%s%s",
				status, stdout, stderr)
		}
	})
}
