//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sockfile_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
	"network-programming-with-go/ch07/sockfile"
)

// staleLeave leaves the socket file of a server that is dead.
func staleLeave(t testing.TB, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

// staleListen listens on any of the three networks.
func staleListen(network, path string) (io.Closer, error) {
	if network == "unixgram" {
		return sockfile.ListenUnixgram(path, 0o600)
	}
	return sockfile.Listen(network, path, 0o600)
}

// The file of a dead server is replaced, whatever the type of its socket.
func TestListenReplacesStale(t *testing.T) {
	for _, network := range []string{"unix", "unixpacket", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			path := filepath.Join(conns.CleanDir(t), "s.sock")
			staleLeave(t, path)
			if l, err := net.Listen("unix", path); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("net.Listen over a stale file = %v, %v, want EADDRINUSE", l, err)
			}
			l, err := staleListen(network, path)
			if errors.Is(err, syscall.EPROTONOSUPPORT) {
				os.Remove(path) // error dropped: it may be gone
				t.Skip(err)
			} else if err != nil {
				t.Fatalf("listen over a stale file: %v", err)
			}
			if err := l.Close(); err != nil {
				t.Errorf("Close = %v, want nil", err)
			}
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("second Close = %v, want net.ErrClosed", err)
			}
		})
	}
}

// TestStaleProcess is a server to be killed; only TestListenAfterKill runs it.
func TestStaleProcess(t *testing.T) {
	path := os.Getenv("CH07_STALE")
	if path == "" {
		t.Skip("runs as a child process of TestListenAfterKill only")
	}
	l, err := staleListen(os.Getenv("CH07_NETWORK"), path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1)) // until killed, or the parent is gone
}

// A killed server leaves its socket file and its lock file. The next one takes over both.
func TestListenAfterKill(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			path := filepath.Join(conns.CleanDir(t), "s.sock")
			cmd := exec.Command(os.Args[0], "-test.run=^TestStaleProcess$")
			cmd.Env = append(os.Environ(), "CH07_STALE="+path, "CH07_NETWORK="+network)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(stdout).ReadString('\n')
			if err != nil || line != "ready\n" {
				t.Errorf("child says %q, %v, want \"ready\"", line, err)
			}
			if l, err := staleListen(network, path); !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("listen with a live server = %v, %v, want EADDRINUSE", l, err)
			} else {
				t.Log(err)
			}
			cmd.Process.Kill() // cannot fail: not waited for yet
			cmd.Wait()         // reports the kill
			for _, name := range []string{path, path + ".lock"} {
				if _, err := os.Lstat(name); err != nil {
					t.Errorf("after the kill: %v, want the file left behind", err)
				}
			}
			if l, err := staleListen(network, path); err != nil {
				t.Error(err)
			} else {
				l.Close()
			}
		})
	}
}

// A live server keeps its path, even if it was not started by this package, and whatever
// the types of the two sockets.
func TestListenKeepsLive(t *testing.T) {
	conns.KeepGarbage(t)
	leak.Check(t)
	dir := conns.CleanDir(t)
	stream, err := net.Listen("unix", filepath.Join(dir, "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	datagram, err := net.ListenPacket("unixgram", filepath.Join(dir, "datagram"))
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(filepath.Join(dir, "datagram"))
	defer datagram.Close()
	own, err := sockfile.Listen("unix", filepath.Join(dir, "own"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for _, addr := range []net.Addr{stream.Addr(), datagram.LocalAddr(), own.Addr()} {
		for _, network := range []string{"unix", "unixgram"} {
			before, err := os.Lstat(addr.String())
			if err != nil {
				t.Fatal(err)
			}
			l, err := staleListen(network, addr.String())
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Errorf("listen for %s on a live %s = %v, %v, want EADDRINUSE",
					network, addr.Network(), l, err)
			} else if strings.Contains(err.Error(), "bind") {
				t.Errorf("error = %v, want one that does not come from bind", err)
			}
			if now, err := os.Lstat(addr.String()); err != nil || !os.SameFile(before, now) {
				t.Errorf("socket file of the live server: %v, %v, want it untouched", now, err)
			}
		}
	}
}

// Anything but a socket stays where it is.
func TestListenNotSocket(t *testing.T) {
	dir := conns.CleanDir(t)
	stale := filepath.Join(dir, "stale")
	staleLeave(t, stale)
	defer os.Remove(stale)
	for name, create := range map[string]func(string) error{
		"file":    func(p string) error { return os.WriteFile(p, []byte("precious"), 0o600) },
		"dir":     func(p string) error { return os.Mkdir(p, 0o700) },
		"symlink": func(p string) error { return os.Symlink(stale, p) },
		"fifo":    func(p string) error { return syscall.Mkfifo(p, 0o600) },
	} {
		path := filepath.Join(dir, name)
		if err := create(path); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := sockfile.Listen("unix", path, 0o600); !errors.Is(err, sockfile.ErrNotSocket) {
			t.Errorf("Listen on a %s = %v, %v, want ErrNotSocket", name, l, err)
		} else {
			t.Log(err)
		}
		if now, err := os.Lstat(path); err != nil || !os.SameFile(before, now) {
			t.Errorf("the %s afterwards: %v, %v", name, now, err)
		}
		os.Remove(path)
	}
}
