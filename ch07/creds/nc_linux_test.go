package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// As a user would try it: nc -U as ourselves and, where root runs the test, as others.
func TestCredsNetcat(t *testing.T) {
	nc, err := exec.LookPath("nc")
	if err != nil {
		t.Skipf("needs nc of netcat-openbsd: %v", err)
	}
	help, _ := exec.Command(nc, "-h").CombinedOutput() // exits 1 or 0, by version
	if !bytes.Contains(help, []byte("OpenBSD")) {
		t.Skipf("%s is not of netcat-openbsd, whose options this test uses", nc)
	}
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // other users connect, too
		t.Fatal(err)
	}
	bin, path := filepath.Join(dir, "creds"), filepath.Join(dir, "creds.sock")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	own := uint32(os.Getegid())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel) // the timeout kills a server that does not obey
	server := exec.CommandContext(ctx, bin, "-socket", path, strconv.FormatUint(uint64(own), 10))
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM) // an error shows in Wait
		if err := server.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v, want exit status 0", err)
		}
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || line != "listening on "+path+"\n" {
		t.Fatalf("first line = %q, %v", line, err)
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
