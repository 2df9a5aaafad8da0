//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package ch07_test

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

	"network-programming-with-go/ch07"
)

// lockDir returns a short directory and checks that nothing is left in it.
func lockDir(t testing.TB) string {
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

// Many start at once over a stale file: one wins, and never two serve at a time.
func TestListenOneWins(t *testing.T) {
	path := filepath.Join(lockDir(t), "s.sock")
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
				l, err := ch07.Listen("unix", path, 0o600)
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
	// Now they come and go as they like.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				l, err := ch07.Listen("unix", path, 0o600)
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

// PostgreSQL keeps its process ID in the socket's lock file. What has content is not ours.
func TestListenLeavesAnothersLock(t *testing.T) {
	path := filepath.Join(lockDir(t), "s.sock")
	lock := path + ".lock"
	if err := os.WriteFile(lock, []byte("4242\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := ch07.Listen("unix", path, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Listen = %v, %v, want fs.ErrExist", l, err)
	} else {
		t.Log(err)
	}
	if err := os.Remove(lock); err != nil {
		t.Errorf("the other's file: %v", err)
	}

	// Somebody cleans up by hand, and a new server starts: the old one leaves its files.
	old, err := ch07.Listen("unix", path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	os.Remove(lock)
	l, err := ch07.Listen("unix", path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	old.Close()
	for _, name := range []string{path, lock} {
		if _, err := os.Lstat(name); err != nil {
			t.Errorf("the new server's file: %v", err)
		}
	}
}
