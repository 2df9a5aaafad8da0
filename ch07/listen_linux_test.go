package ch07_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch07"
)

// The socket's file has no bit too many at any moment, not even with a umask of 0, while
// somebody looks all the time. (With a chmod after bind(2) or net.Listen it does.)
func TestListenNoWindow(t *testing.T) {
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s.sock")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	const perm = 0o600
	over := make(chan bool)
	looked := make(chan int, 1)
	go func() {
		seen := 0
		defer func() { looked <- seen }()
		for {
			var stat syscall.Stat_t
			if err := syscall.Lstat(path, &stat); err == nil {
				if seen++; stat.Mode&0o777 != perm {
					t.Errorf("file mode %#o, want %#o", stat.Mode, syscall.S_IFSOCK|perm)
					return
				}
			}
			select {
			case <-over:
				return
			default:
			}
		}
	}()
	for range 50 {
		l, err := ch07.Listen("unix", path, perm)
		if err != nil {
			t.Errorf("Listen: %v", err)
			break
		}
		l.Close()
	}
	close(over)
	t.Logf("looked at the file %d times", <-looked)
}

// Abstract names are no files. They cannot have permission bits, so none may be asked for.
func TestListenAbstract(t *testing.T) {
	name := fmt.Sprintf("@ch07-%d", os.Getpid())
	l, err := ch07.Listen("unix", name, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("listening on %s", l.Addr())
	conn, err := net.Dial("unix", name)
	if err != nil {
		t.Errorf("dial: %v", err)
	} else {
		conn.Close()
	}
	if l, err := ch07.Listen("unix", name, 0); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Listen on a live name = %v, %v, want EADDRINUSE", l, err)
	}
	l.Close()
	if _, err := net.Dial("unix", name); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after Close: %v, want ECONNREFUSED", err)
	}
	if l, err := ch07.Listen("unix", name, 0o600); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen with bits = %v, %v, want errors.ErrUnsupported", l, err)
	}
	longest := name + strings.Repeat("x", 108-len(name))
	if l, err := ch07.Listen("unix", longest, 0); err != nil {
		t.Errorf("Listen with 107 bytes after the @: %v", err)
	} else {
		l.Close()
	}
	if l, err := ch07.Listen("unix", longest+"x", 0); !errors.Is(err, ch07.ErrPathTooLong) {
		t.Errorf("Listen with 108 bytes after the @ = %v, %v, want ErrPathTooLong", l, err)
	}
}
