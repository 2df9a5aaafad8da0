//go:build unix

package ch07_test

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

// credsCommandStart runs the server and returns the path it announces. The returned
// function ends it by SIGTERM and checks that it goes in order.
func credsCommandStart(t *testing.T, bin string, args ...string) (path string, stop func()) {
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

func TestCredsCommand(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // other users connect, too
		t.Fatal(err)
	}
	bin, socket := filepath.Join(dir, "creds"), filepath.Join(dir, "creds.sock")
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./creds", bin)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("creds"); err != nil {
		t.Fatal(err)
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

	t.Run("welcome", func(t *testing.T) {
		path, stop := credsCommandStart(t, bin, "-socket", socket, "4000000000", own)
		conn, lines := credsCommandDial(t, path)
		if got, err := lines.ReadString('\n'); err != nil || got != "Welcome\n" {
			t.Errorf("answer = %q, %v, want Welcome", got, err)
		}
		if _, err := io.WriteString(conn, "hello\n"); err != nil {
			t.Errorf("the admitted may write: %v", err)
		}
		out, err := exec.Command(bin, "-socket", socket, own).CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("in use")) {
			t.Errorf("a second server: %v, %q, want address in use", err, out)
		}
		stop() // must not wait for a client that stays
		_, err = lines.ReadByte()
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after the server's end: %v, want the connection's", err)
		}
	})

	// What a client has sent meanwhile must not cost it the answer: a server that closes
	// with bytes unread resets the connection, and one that closes at all breaks the pipe
	// of a client, such as nc, that writes before it reads.
	t.Run("denied", func(t *testing.T) {
		path, stop := credsCommandStart(t, bin, "-socket", socket, "4000000000")
		defer stop()
		conn, lines := credsCommandDial(t, path)
		for range 2 {
			if _, err := io.WriteString(conn, "let me in\n"); err != nil {
				t.Errorf("write before the answer is read: %v", err)
			}
			if _, err := lines.Peek(1); err != nil {
				t.Error(err)
			}
		}
		if got, err := io.ReadAll(lines); err != nil || string(got) != "Access denied\n" {
			t.Errorf("all that comes is %q, %v, want Access denied and the end", got, err)
		}
	})

	t.Run("abstract", func(t *testing.T) {
		name := fmt.Sprintf("@creds-%d", os.Getpid())
		path, stop := credsCommandStart(t, bin, "-socket", name, own)
		defer stop()
		_, lines := credsCommandDial(t, path)
		if got, err := lines.ReadString('\n'); err != nil || got != "Welcome\n" {
			t.Errorf("answer on %s: %q, %v", path, got, err)
		}
	})

	t.Run("log that nobody reads", func(t *testing.T) {
		cmd := exec.Command(bin, "-socket", socket, own)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() }) // error: it has ended, as it should
		if _, err := bufio.NewReader(stderr).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		stderr.Close() // what it logs next is EPIPE, which would end it by SIGPIPE
		for range 2 {
			_, lines := credsCommandDial(t, socket)
			if got, err := lines.ReadString('\n'); err != nil || got != "Welcome\n" {
				t.Errorf("answer = %q, %v, want Welcome", got, err)
			}
		}
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v, want exit status 0", err)
		}
	})

	t.Run("netcat", func(t *testing.T) {
		path, stop := credsCommandStart(t, bin, "-socket", socket, own)
		defer stop()
		credsCommandNetcat(t, path, uint32(os.Getegid()))
	})
}

// credsCommandNetcat is what a user would try: nc -U as ourselves, and as others where root
// runs the test. It writes at once, whatever the answer.
func credsCommandNetcat(t *testing.T, path string, own uint32) {
	nc, err := exec.LookPath("nc")
	if err != nil {
		t.Skipf("needs nc of netcat-openbsd: %v", err)
	}
	help, _ := exec.Command(nc, "-h").CombinedOutput() // exits 1 or 0, by version
	if !bytes.Contains(help, []byte("OpenBSD")) {
		t.Skipf("%s is not of netcat-openbsd, whose options this test uses", nc)
	}
	cases := []struct {
		who  string
		cred *syscall.Credential // nil: as we are
		want string
	}{
		{"ourselves", nil, "Welcome\n"},
		{"another user", &syscall.Credential{Uid: 65534, Gid: 65534}, "Access denied\n"},
		{"another user in our group", &syscall.Credential{Uid: 65534, Gid: own}, "Welcome\n"},
		{"another user, our group being supplementary",
			&syscall.Credential{Uid: 65534, Gid: 65534, Groups: []uint32{own}}, "Welcome\n"},
		{"root in another group", &syscall.Credential{Uid: 0, Gid: 65534}, "Access denied\n"},
	}
	if os.Getuid() != 0 {
		t.Log("only root can start nc as another user")
		cases = cases[:1]
	}
	for _, c := range cases {
		cmd := exec.CommandContext(t.Context(), nc, "-N", "-U", path)
		cmd.Dir = "/"
		cmd.Stdin = strings.NewReader("hello\n")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
		out, err := cmd.CombinedOutput()
		if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
			t.Logf("%s: cannot start nc so: %v", c.who, err) // root of a container
			continue
		}
		t.Logf("%s: nc says %q", c.who, out)
		if string(out) != c.want {
			t.Errorf("nc as %s: %q, %v, want %q", c.who, out, err, c.want)
		}
	}
}
