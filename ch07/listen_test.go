package ch07_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
)

// listenStale leaves the socket file of a server that is dead.
func listenStale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

// What is at the path decides: only the socket of a dead server is replaced.
func TestListenUnix(t *testing.T) {
	for _, tt := range []struct {
		name  string
		put   func(t *testing.T, path string)
		inUse bool
	}{
		{"nothing", func(*testing.T, string) {}, false},
		{"a dead server's socket", listenStale, false},
		{"a live server's socket", func(t *testing.T, path string) {
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, true},
		{"a live server's unixgram socket", func(t *testing.T, path string) {
			c, err := net.ListenPacket("unixgram", path)
			if runtime.GOOS == "windows" {
				t.Skip(err) // it has none
			} else if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
		}, true},
		{"a file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"a link to a dead server's socket", func(t *testing.T, path string) {
			listenStale(t, path+".target")
			if err := os.Symlink(path+".target", path); runtime.GOOS == "windows" {
				t.Skip(err) // it may want a privilege
			} else if err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conns.KeepGarbage(t)
			leak.Check(t)
			path := filepath.Join(conns.SocketDir(t), "s.sock")
			tt.put(t, path)
			before, _ := os.Lstat(path)
			if before != nil {
				_, err := net.Listen("unix", path)
				t.Logf("net.Listen: %v", err)
			}
			l, err := ch07.ListenUnix("unix", path)
			t.Logf("ListenUnix: %v", err)
			if got := err != nil; got != tt.inUse {
				t.Fatalf("ListenUnix = %v, %v, want an error: %v", l, err, tt.inUse)
			}
			if tt.inUse {
				if runtime.GOOS != "windows" && !errors.Is(err, syscall.EADDRINUSE) {
					t.Errorf("ListenUnix = %v, want syscall.EADDRINUSE", err)
				}
				if now, err := os.Lstat(path); err != nil || !os.SameFile(before, now) {
					t.Errorf("%s afterwards: %v, %v, want it untouched", tt.name, now, err)
				}
				return
			}
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Errorf("dialing the new server: %v", err)
			} else {
				conn.Close()
			}
			l.Close()
			if _, err := os.Lstat(path); err == nil {
				t.Error("the socket file is left after Close")
			}
		})
	}
}

// Other errors of net.Listen come back as they are.
func TestListenUnixErrors(t *testing.T) {
	dir := conns.SocketDir(t)
	l, err := ch07.ListenUnix("unix", filepath.Join(dir, "none", "s"))
	if runtime.GOOS != "windows" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ListenUnix in a missing folder = %v, %v, want fs.ErrNotExist", l, err)
	}
	l, err = ch07.ListenUnix("pigeon", filepath.Join(dir, "s"))
	if _, ok := errors.AsType[net.UnknownNetworkError](err); !ok {
		t.Errorf("ListenUnix(pigeon) = %v, %v, want net.UnknownNetworkError", l, err)
	}
}

// A stale file that cannot be removed is an error.
func TestListenUnixStaleStays(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("needs a folder in which we cannot remove a file; root always can")
	}
	dir := conns.SocketDir(t)
	path := filepath.Join(dir, "s.sock")
	listenStale(t, path)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	if l, err := ch07.ListenUnix("unix", path); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("ListenUnix = %v, %v, want fs.ErrPermission", l, err)
	}
}
