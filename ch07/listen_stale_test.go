//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package ch07_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"network-programming-with-go/ch07"
)

// staleDir returns a short directory and checks that nothing is left in it.
func staleDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
		os.RemoveAll(dir)
	})
	return dir
}

func staleListen(t testing.TB, network, path string, perm fs.FileMode) net.Listener {
	t.Helper()
	l, err := ch07.Listen(network, path, perm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // again after a test's own Close: an error, dropped
	return l
}

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

// What a dead server left is replaced, also for the other type of socket.
func TestListenReplacesStale(t *testing.T) {
	path := filepath.Join(staleDir(t), "s.sock")
	for _, network := range []string{"unix", "unixpacket"} {
		staleLeave(t, path)
		if l, err := net.Listen("unix", path); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("net.Listen over a stale file = %v, %v, want EADDRINUSE", l, err)
		}
		l, err := ch07.Listen(network, path, 0o600)
		if errors.Is(err, syscall.EPROTONOSUPPORT) {
			t.Logf("%s: %v", network, err)
			os.Remove(path) // may be gone already
			continue
		} else if err != nil {
			t.Fatalf("Listen(%s) over a stale file: %v", network, err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close = %v, want net.ErrClosed", err)
		}
	}
}

// TestStaleProcess is a server to be killed; only TestListenAfterKill runs it.
func TestStaleProcess(t *testing.T) {
	path := os.Getenv("CH07_STALE")
	if path == "" {
		t.Skip("runs as a child process of TestListenAfterKill only")
	}
	staleListen(t, "unix", path, 0o600)
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1)) // until killed, or the parent is gone
}

// A server killed outright leaves its socket and its lock file. Both are taken over.
func TestListenAfterKill(t *testing.T) {
	path := filepath.Join(staleDir(t), "s.sock")
	cmd := exec.Command(os.Args[0], "-test.run=^TestStaleProcess$")
	cmd.Env = append(os.Environ(), "CH07_STALE="+path)
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
		t.Errorf("child says %q, %v", line, err)
	}
	if l, err := ch07.Listen("unix", path, 0o600); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen beside a live server = %v, %v, want EADDRINUSE", l, err)
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
	staleListen(t, "unix", path, 0o600).Close()
}

// A live server keeps its path, whether it was started by Listen or not, and whatever
// type of socket it has.
func TestListenKeepsLive(t *testing.T) {
	dir := staleDir(t)
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
	own := staleListen(t, "unix", filepath.Join(dir, "own"), 0o600)
	for _, addr := range []net.Addr{stream.Addr(), datagram.LocalAddr(), own.Addr()} {
		before, err := os.Lstat(addr.String())
		if err != nil {
			t.Fatal(err)
		}
		l, err := ch07.Listen("unix", addr.String(), 0o600)
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("Listen on a live %s = %v, %v, want EADDRINUSE", addr.Network(), l, err)
		}
		t.Log(err)
		if now, err := os.Lstat(addr.String()); err != nil || !os.SameFile(before, now) {
			t.Errorf("socket file of the live server: %v, %v", now, err)
		}
	}
}

// Anything but a socket stays where it is.
func TestListenNotSocket(t *testing.T) {
	dir := staleDir(t)
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
		if l, err := ch07.Listen("unix", path, 0o600); !errors.Is(err, ch07.ErrNotSocket) {
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

// A process may go elsewhere after Listen, as daemons do; staleDir's check sees what stays.
// And ".." after a link leads to the parent of where that leads, which path.Clean misses.
func TestListenRelativePath(t *testing.T) {
	dir := staleDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("a", "b"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, path := range []string{"s", "link/../s"} {
		l := staleListen(t, "unix", path, 0o600)
		t.Chdir("/")
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		t.Chdir(dir)
	}
	for _, name := range []string{"s", "s.lock", "a/s", "a/s.lock"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want it gone", name, err)
		}
	}
	os.RemoveAll("a") // staleDir looks for what is left
	os.Remove("link")
}

// What another put in the socket's place stays when the listener closes.
func TestListenCloseLeavesAnothersFile(t *testing.T) {
	path := filepath.Join(staleDir(t), "s.sock")
	l := staleListen(t, "unix", path, 0o600)
	os.Remove(path)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.Remove(path); err != nil {
		t.Errorf("the file put there meanwhile: %v", err)
	}
}
