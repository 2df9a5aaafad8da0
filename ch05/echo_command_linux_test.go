package ch05_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch05/internal/command"
)

// A name with several addresses: if one refuses, echo asks the next. The name is in an
// /etc/hosts that only the command sees, in a mount namespace.
func TestEchoCommandSecondAddress(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	const names = "127.0.0.2 two.test\n127.0.0.3 two.test\n"
	if err := os.WriteFile(hosts, []byte(names), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := echoWithHosts(hosts, "true").CombinedOutput(); err != nil {
		t.Skipf("not permitted to mount a file: %v\n%s", err, out)
	}
	echo := command.Build(t, "./echo")
	for _, ip := range []string{"127.0.0.2", "127.0.0.3"} {
		t.Run("on "+ip, func(t *testing.T) {
			server := command.Start(t, echo, "-listen", net.JoinHostPort(ip, "0"))
			_, port, err := net.SplitHostPort(server.Addr)
			if err != nil {
				t.Fatal(err)
			}
			to := "two.test:" + port
			got := command.RunCmd(t, echoWithHosts(hosts, echo, "-to", to, "hello"))
			if got.Status != 0 || got.Stdout != "hello\n" {
				t.Errorf("got %+v, want status 0 and hello", got)
			}
			server.Stop(t, syscall.SIGTERM)
			got = command.RunCmd(t, echoWithHosts(hosts, echo, "-to", to, "hello"))
			if got.Status != 1 || !strings.Contains(got.Stderr, "->127.0.0.2:"+port) ||
				!strings.Contains(got.Stderr, "refused") {
				t.Errorf("all refuse: %+v, want status 1 and the first address", got)
			}
		})
	}
}

// echoWithHosts returns a command that sees another /etc/hosts.
func echoWithHosts(hosts, program string, args ...string) *exec.Cmd {
	const script = `mount --bind "$1" /etc/hosts && shift && exec "$@"`
	args = append([]string{"-c", script, "sh", hosts, program}, args...)
	cmd := exec.Command("sh", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 { // root in a user namespace may mount
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}
