package sockfile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/sockfile"
)

// The socket file never has more bits than asked for, not even with a umask of 0. A goroutine
// looks at it in a loop. (If only a chmod after bind(2) set the bits, it would see more.)
func TestListenNoWindow(t *testing.T) {
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	const perm = 0o600
	var looks atomic.Int64
	var watcher sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // enough on a busy machine
	watcher.Go(func() {
		defer cancel()
		for ctx.Err() == nil {
			var stat syscall.Stat_t
			if err := syscall.Lstat(path, &stat); err != nil {
				continue
			}
			if looks.Add(1); stat.Mode&0o777 != perm {
				t.Errorf("file mode %#o, want %#o", stat.Mode, syscall.S_IFSOCK|perm)
				return
			}
		}
	})
	defer watcher.Wait()
	defer cancel()
	for ctx.Err() == nil && looks.Load() < 5000 {
		l, err := sockfile.Listen("unix", path, perm)
		if err != nil {
			t.Errorf("Listen: %v", err)
			break
		}
		l.Close()
		c, err := sockfile.ListenUnixgram(path, perm)
		if err != nil {
			t.Errorf("ListenUnixgram: %v", err)
			break
		}
		c.Close()
	}
	t.Logf("looked at the file %d times", looks.Load())
}

// With fs.protected_regular, Linux forbids even root to open a file of another user in a
// folder such as /tmp with O_CREAT. Listen still takes over a lock file there.
func TestListenProtectedRegular(t *testing.T) {
	if on, err := os.ReadFile("/proc/sys/fs/protected_regular"); err != nil || on[0] == '0' {
		t.Skipf("fs.protected_regular is off: %q, %v", on, err)
	}
	if os.Getuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	dir := conns.CleanDir(t)
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(dir, "s.sock.lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(lock, 65534, 65534); err != nil {
		t.Skip(err) // root of a container
	}
	if f, err := os.OpenFile(lock, os.O_RDWR|os.O_CREATE, 0o600); err == nil {
		f.Close()
		t.Skip("this kernel allows it")
	}
	l, err := sockfile.Listen("unix", filepath.Join(dir, "s.sock"), 0o600)
	if err != nil {
		t.Fatalf("Listen with another user's lock file: %v", err)
	}
	l.Close()
}

// An abstract name has no file and no permission bits, so perm must be 0. The listener has
// the same type as one with a file.
func TestListenAbstract(t *testing.T) {
	name := fmt.Sprintf("@ch07-%d", os.Getpid())
	l, err := sockfile.Listen("unix", name, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("listening on %s", l.Addr())
	l.SetUnlinkOnClose(true) // does nothing
	conn, err := net.Dial("unix", name)
	if err != nil {
		t.Errorf("dial: %v", err)
	} else {
		conn.Close()
	}
	if l, err := sockfile.Listen("unix", name, 0); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen on a live name = %v, %v, want EADDRINUSE", l, err)
	}
	l.Close()
	if _, err := net.Dial("unix", name); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after Close: %v, want ECONNREFUSED", err)
	}
	if l, err := sockfile.Listen("unix", name, 0o600); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen with bits = %v, %v, want errors.ErrUnsupported", l, err)
	}
	longest := name + strings.Repeat("x", 108-len(name))
	if l, err := sockfile.Listen("unix", longest, 0); err != nil {
		t.Errorf("Listen with 107 bytes after the @: %v", err)
	} else {
		l.Close()
	}
	if l, err := sockfile.Listen("unix", longest+"x", 0); !errors.Is(err, sockfile.ErrPathTooLong) {
		t.Errorf("Listen with 108 bytes after the @ = %v, %v, want ErrPathTooLong", l, err)
	}
}
