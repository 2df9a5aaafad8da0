//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sockfile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
	"network-programming-with-go/ch07/sockfile"
)

// Many servers start at once over a stale file: one wins. Two never serve at the same time.
func TestListenOneWins(t *testing.T) {
	conns.KeepGarbage(t)
	leak.Check(t)
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	var live atomic.Int32
	for range 20 {
		stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		stale.SetUnlinkOnClose(false)
		stale.Close() // what a dead server leaves
		var wg sync.WaitGroup
		var won atomic.Int32
		start, done := make(chan bool), make(chan bool)
		for range 8 {
			wg.Go(func() {
				<-start
				l, err := sockfile.Listen("unix", path, 0o600)
				if won.Add(1) == 8 {
					close(done) // all have tried
				}
				if errors.Is(err, syscall.EADDRINUSE) {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
				if n := live.Add(1); n != 1 {
					t.Errorf("%d servers at one path", n)
				}
				<-done
				if conn, err := net.Dial("unix", path); err != nil {
					t.Errorf("dialing the winner: %v", err)
				} else {
					conn.Close()
				}
				live.Add(-1)
				l.Close()
			})
		}
		close(start)
		wg.Wait()
	}
	// Now they start and end at any time.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				l, err := sockfile.Listen("unix", path, 0o600)
				if errors.Is(err, syscall.EADDRINUSE) {
					runtime.Gosched()
					continue
				} else if err != nil {
					t.Error(err)
					return
				}
				if n := live.Add(1); n != 1 {
					t.Errorf("%d servers at one path", n)
				}
				live.Add(-1)
				l.Close()
			}
		})
	}
	wg.Wait()
}

// A file with content is not a lock file of ours: PostgreSQL writes its process ID there.
// Nor is a link or a folder.
func TestListenLeavesAnothersLock(t *testing.T) {
	for _, tt := range []struct {
		name   string
		create func(path string) error
		want   error // nil: any
	}{
		{"file", func(p string) error { return os.WriteFile(p, []byte("4242\n"), 0o600) }, fs.ErrExist},
		{"one byte", func(p string) error { return os.WriteFile(p, []byte("\n"), 0o600) }, fs.ErrExist},
		{"fifo", func(p string) error { return syscall.Mkfifo(p, 0o600) }, fs.ErrExist},
		{"folder", func(p string) error { return os.Mkdir(p, 0o700) }, nil},
		{"link", func(p string) error { return os.Symlink("nowhere", p) }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conns.KeepGarbage(t)
			leak.Check(t)
			path := filepath.Join(conns.CleanDir(t), "s.sock")
			lock := path + ".lock"
			if err := tt.create(lock); err != nil {
				t.Fatal(err)
			}
			l, err := sockfile.Listen("unix", path, 0o600)
			t.Log(err)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Listen = %v, %v, want %v", l, err, tt.want)
			}
			if err := os.Remove(lock); err != nil {
				t.Errorf("the other's %s: %v", tt.name, err)
			}
		})
	}
}

// If both files are removed by hand, a new server can start. The old one leaves its files.
func TestListenCloseLeavesAnothersLock(t *testing.T) {
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	old, err := sockfile.Listen("unix", path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	os.Remove(path + ".lock")
	l, err := sockfile.Listen("unix", path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	old.Close()
	for _, name := range []string{path, path + ".lock"} {
		if _, err := os.Lstat(name); err != nil {
			t.Errorf("the new server's file: %v", err)
		}
	}
}
