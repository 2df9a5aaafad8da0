package ch07_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07/internal/command"
	"network-programming-with-go/ch07/internal/conns"
)

func credsFaultsDial(t *testing.T, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	return conn, bufio.NewReader(conn)
}

// credsFaultsWant fails if the next line of the server is not the one wanted.
func credsFaultsWant(t *testing.T, lines *bufio.Reader, want string) {
	t.Helper()
	if got, err := lines.ReadString('\n'); err != nil || got != want+"\n" {
		t.Errorf("response = %q, %v, want %q", got, err, want)
	}
}

// The command when it runs short of files, when nothing reads its log, and with the client
// that a user would try.
func TestCredsCommandFaults(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./creds")
	dir := conns.SocketDir(t)
	if err := os.Chmod(dir, 0o711); err != nil { // other users connect, too
		t.Fatal(err)
	}
	socket, own := filepath.Join(dir, "creds.sock"), fmt.Sprint(os.Getegid())

	// If the server is out of file descriptors, it says so and goes on when clients leave.
	t.Run("out of files", func(t *testing.T) {
		server := command.StartCmd(t, exec.Command("sh", "-c", `ulimit -n 12; exec "$0" "$@"`,
			program, "-socket", socket, own))
		server.WaitLine(t, "listening on ")
		var clients []net.Conn
		for range 12 {
			conn, _ := credsFaultsDial(t, socket)
			clients = append(clients, conn)
		}
		if line := server.WaitLine(t, "accept failed"); !strings.Contains(line, "too many open files") {
			t.Errorf("log = %q, want the reason", line)
		}
		for _, conn := range clients {
			conn.Close()
		}
		_, lines := credsFaultsDial(t, socket)
		credsFaultsWant(t, lines, "Welcome")
		if got := server.Stop(t, syscall.SIGTERM); got.Status != 0 {
			t.Errorf("after SIGTERM: status %d, want 0", got.Status)
		}
	})

	for _, tt := range []struct {
		name  string
		close bool
		peers int
	}{
		{"log whose reader has ended", true, 2}, // what is logged next is EPIPE, which would end it by SIGPIPE
		{"log that is not read", false, 1000},   // more lines than the pipe takes
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd := exec.Command(program, "-socket", socket, own)
			cmd.Stderr = w
			server := command.StartCmd(t, cmd)
			w.Close()
			if _, err := bufio.NewReader(r).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if tt.close {
				r.Close()
			}
			for range tt.peers {
				conn, lines := credsFaultsDial(t, socket)
				credsFaultsWant(t, lines, "Welcome")
				conn.Close()
			}
			if got := server.Stop(t, syscall.SIGTERM); got.Status != 0 {
				t.Errorf("after SIGTERM: status %d, want 0", got.Status)
			}
		})
	}

	t.Run("netcat", func(t *testing.T) {
		command.Start(t, program, "-socket", socket, own)
		credsFaultsNetcat(t, socket, uint32(os.Getegid()))
	})
}

// credsFaultsNetcat does what a user would try: nc -U as ourselves and, if root runs the
// test, as others. nc writes at once, before it reads the response.
func credsFaultsNetcat(t *testing.T, path string, own uint32) {
	nc, err := exec.LookPath("nc")
	if err != nil {
		t.Skipf("needs nc of netcat-openbsd: %v", err)
	}
	help, _ := exec.Command(nc, "-h").CombinedOutput() // exits 1 or 0, by version
	if !bytes.Contains(help, []byte("OpenBSD")) {
		t.Skipf("%s is not of netcat-openbsd, whose options this test uses", nc)
	}
	tests := []struct {
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
		tests = tests[:1]
	}
	for _, tt := range tests {
		cmd := exec.CommandContext(t.Context(), nc, "-N", "-U", path)
		cmd.Dir = "/"
		cmd.Stdin = strings.NewReader("hello\n")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: tt.cred}
		out, err := cmd.CombinedOutput()
		if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
			t.Logf("%s: cannot start nc so: %v", tt.who, err) // root of a container
			continue
		}
		t.Logf("%s: nc says %q", tt.who, out)
		if tt.cred != nil && strings.Contains(string(out), "Permission denied") {
			t.Logf("%s: cannot search %s", tt.who, filepath.Dir(path)) // a private TMPDIR
			continue
		}
		if string(out) != tt.want {
			t.Errorf("nc as %s: %q, %v, want %q", tt.who, out, err, tt.want)
		}
	}
}
