package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
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

// credsStart runs the server and returns the path it announces. The returned function
// ends it by SIGTERM and checks that it goes in order.
func credsStart(t *testing.T, bin string, args ...string) (path string, stop func()) {
	t.Helper()
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
	path, ok := strings.CutPrefix(strings.TrimSpace(ready), "listening on ")
	if err != nil || !ok {
		cmd.Process.Kill()
		cmd.Wait() // reports the kill
		t.Fatalf("first line = %q, %v, want \"listening on PATH\"", ready, err)
	}
	logged := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(lines)
		logged <- string(all)
	}()
	return path, func() {
		cmd.Process.Signal(syscall.SIGTERM)
		log := <-logged
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v, want exit status 0", err)
		}
		t.Logf("log:\n%s", log)
		for _, name := range []string{path, path + ".lock"} {
			if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind: %s (%v)", name, err)
			}
		}
	}
}

func TestCreds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs permission bits and SIGTERM")
	}
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // other users connect, too
		t.Fatal(err)
	}
	bin, socket := filepath.Join(dir, "creds"), filepath.Join(dir, "creds.sock")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	own := fmt.Sprint(os.Getegid())

	t.Run("help", func(t *testing.T) {
		out, err := exec.Command(bin, "-h").Output()
		if err != nil || !bytes.Contains(out, []byte("Usage: creds")) ||
			!bytes.Contains(out, []byte("-socket")) {
			t.Errorf("creds -h: %v, output\n%s", err, out)
		}
	})

	t.Run("wrong use", func(t *testing.T) {
		for _, c := range []struct {
			args   []string
			status int
			reason string
		}{
			{nil, 2, "Usage: creds [-socket PATH] GROUP..."},
			{[]string{"-socket", socket}, 2, "at least one GROUP"},
			{[]string{"-socket", socket, own, "no-such-group"}, 2, `"no-such-group"`},
			{[]string{"-nonsense", own}, 2, "-nonsense"},
			{[]string{"-socket", filepath.Join(dir, "none", "s"), own}, 1, "no such file"},
			{[]string{"-socket", bin, own}, 1, "not a socket"},
			{[]string{"-socket", dir + strings.Repeat("/x", 60), own}, 1, "limit"},
		} {
			var stderr strings.Builder
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel() // the timeout kills a server that should not have started
			cmd := exec.CommandContext(ctx, bin, c.args...)
			cmd.Stderr = &stderr
			cmd.Run() // the status is looked at below
			got, said := cmd.ProcessState.ExitCode(), stderr.String()
			if got != c.status || !strings.Contains(said, c.reason) {
				t.Errorf("creds %q: status %d, %q, want %d and %q",
					c.args, got, said, c.status, c.reason)
			}
		}
		if _, err := os.Stat(bin); err != nil {
			t.Errorf("the file named as a socket: %v", err)
		}
	})

	if runtime.GOOS != "linux" {
		t.Skip("peers can be identified on Linux only")
	}

	t.Run("answers", func(t *testing.T) {
		for _, c := range []struct{ group, want string }{
			{own, "Welcome\n"}, {"4000000000", "Access denied\n"},
		} {
			path, stop := credsStart(t, bin, "-socket", socket, c.group)
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
			lines := bufio.NewReader(conn)
			if got, err := lines.ReadString('\n'); err != nil || got != c.want {
				t.Errorf("creds %s answers %q, %v, want %q", c.group, got, err, c.want)
			}
			if c.want == "Welcome\n" {
				if _, err := io.WriteString(conn, "hello\n"); err != nil {
					t.Errorf("the admitted may write: %v", err)
				}
				stop() // must not wait for a client that stays
			}
			if _, err := lines.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("then %v, want the end", err)
			}
			conn.Close()
			if c.want != "Welcome\n" {
				stop()
			}
		}
	})

	t.Run("abstract", func(t *testing.T) {
		name := fmt.Sprintf("@creds-%d", os.Getpid())
		path, stop := credsStart(t, bin, "-socket", name, own)
		defer stop()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got, err := bufio.NewReader(conn).ReadString('\n'); err != nil || got != "Welcome\n" {
			t.Errorf("answer on %s: %q, %v", path, got, err)
		}
	})
}
