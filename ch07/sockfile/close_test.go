//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sockfile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
	"network-programming-with-go/ch07/sockfile"
)

// closeGone fails if one of the files exists.
func closeGone(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want it gone", name, err)
		}
	}
}

// When Accept or a read fails because of Close, the files are already gone. So a program
// that exits then leaves nothing.
func TestCloseRemovesFilesFirst(t *testing.T) {
	conns.KeepGarbage(t)
	leak.Check(t)
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	for range 50 {
		l, err := sockfile.Listen("unix", path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- l.Close() }()
		if conn, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Accept = %v, %v, want net.ErrClosed", conn, err)
		}
		closeGone(t, path, path+".lock")
		if err := <-closed; err != nil {
			t.Errorf("Close = %v, want nil", err)
		}

		c, err := sockfile.ListenUnixgram(path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		go func() { closed <- c.Close() }()
		if _, _, err := c.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("ReadFrom = %v, want net.ErrClosed", err)
		}
		closeGone(t, path, path+".lock")
		if err := <-closed; err != nil {
			t.Errorf("Close = %v, want nil", err)
		}
	}
}

// A server that hands its socket to a successor, as for a restart, keeps the file.
func TestListenerSetUnlinkOnClose(t *testing.T) {
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	l, err := sockfile.Listen("unix", path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	handed, err := l.File() // what the successor inherits
	if err != nil {
		t.Fatal(err)
	}
	defer handed.Close()
	l.SetUnlinkOnClose(false)
	l.Close()
	closeGone(t, path+".lock")
	next, err := net.FileListener(handed)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("dialing the successor: %v", err)
	}
	defer client.Close()
	next.(*net.UnixListener).SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	conn, err := next.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if l, err := sockfile.Listen("unix", path, 0o600); err == nil {
		t.Errorf("Listen on the successor's path = %v, nil, want an error", l.Addr())
	}
	os.Remove(path)
}

// The last call of SetUnlinkOnClose counts. The default is true.
func TestListenerSetUnlinkOnCloseTrue(t *testing.T) {
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	l, err := sockfile.Listen("unix", path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.SetUnlinkOnClose(true)
	l.Close()
	closeGone(t, path)
}

// A process may change its directory after Listen, as daemons do. And ".." after a link
// leads to the parent of the link's target, which path.Clean misses.
func TestListenRelativePath(t *testing.T) {
	dir := conns.SocketDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("a", "b"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, path := range []string{"s", "link/../s"} {
		l, err := sockfile.Listen("unix", path, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir("/")
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		t.Chdir(dir)
	}
	closeGone(t, "s", "s.lock", "a/s", "a/s.lock")
}

// A file that another program has put at the path stays when the socket closes.
func TestListenCloseLeavesAnothersFile(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			path := filepath.Join(conns.CleanDir(t), "s.sock")
			var l interface{ Close() error }
			var err error
			if network == "unix" {
				l, err = sockfile.Listen(network, path, 0o600)
			} else {
				l, err = sockfile.ListenUnixgram(path, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			os.Remove(path)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			l.Close()
			if err := os.Remove(path); err != nil {
				t.Errorf("the file put there meanwhile: %v", err)
			}
		})
	}
}

// An abstract name has no file: a file of that name belongs to another program.
func TestCloseLeavesFileOfAbstractName(t *testing.T) {
	if !sockfile.Abstract("@x") {
		t.Skip("this system has no abstract names")
	}
	t.Chdir(conns.CleanDir(t))
	name := "@sockfile-" + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := sockfile.Listen("unix", name, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := sockfile.ListenUnixgram(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := os.Remove(name); err != nil {
		t.Errorf("the file: %v", err)
	}
}
