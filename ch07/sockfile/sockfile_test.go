//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sockfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/sockfile"
)

// The bits are those asked for, whatever the umask takes away or leaves.
func TestListenPermissionBits(t *testing.T) {
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	for _, umask := range []int{0, 0o022, 0o777} {
		for _, perm := range []fs.FileMode{0, 0o600, 0o660, 0o666, 0o777} {
			syscall.Umask(umask)
			l, err := sockfile.Listen("unix", path, perm)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(path)
			lock, lockErr := os.Lstat(path + ".lock")
			l.Close()
			if err := errors.Join(err, lockErr); err != nil {
				t.Fatal(err)
			}
			if got, want := lock.Mode(), 0o600&^fs.FileMode(umask); got != want {
				t.Errorf("umask %03o: lock file has mode %v, want %v", umask, got, want)
			}
			if got, want := info.Mode(), perm|fs.ModeSocket; got != want {
				t.Errorf("umask %03o: mode %v, want %v", umask, got, want)
			}
		}
	}
}

func TestListenAddresses(t *testing.T) {
	path := filepath.Join(conns.CleanDir(t), "s.sock")
	for _, network := range []string{"unix", "unixpacket"} {
		t.Run(network, func(t *testing.T) {
			l, err := sockfile.Listen(network, path, 0o600)
			if errors.Is(err, syscall.EPROTONOSUPPORT) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if got := l.Addr().Network() + " " + l.Addr().String(); got != network+" "+path {
				t.Errorf("Addr = %q, want %q", got, network+" "+path)
			}
			conn, err := net.Dial(network, path)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got := conn.RemoteAddr().String(); got != path {
				t.Errorf("client's RemoteAddr = %q, want %q", got, path)
			}
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			if _, ok := server.(*net.UnixConn); !ok {
				t.Errorf("Accept returned a %T, want *net.UnixConn", server)
			}
		})
	}
}

// The limit is named, and a path just below it works.
func TestListenPathTooLong(t *testing.T) {
	dir := conns.CleanDir(t)
	limit := 103
	if runtime.GOOS == "linux" {
		limit = 107
	}
	path := filepath.Join(dir, strings.Repeat("x", limit-len(dir)-1))
	l, err := sockfile.Listen("unix", path, 0o600)
	if err != nil {
		t.Fatalf("Listen with %d bytes: %v", limit, err)
	}
	l.Close()
	_, err = sockfile.Listen("unix", path+"x", 0o600)
	named := fmt.Sprintf("%d bytes, limit %d", limit+1, limit)
	if !errors.Is(err, sockfile.ErrPathTooLong) || !strings.HasSuffix(err.Error(), named) {
		t.Errorf("Listen = %v, want ErrPathTooLong: %s", err, named)
	}
	_, nerr := net.Listen("unix", path+"x")
	if !errors.Is(nerr, syscall.EINVAL) {
		t.Errorf("net.Listen with %d bytes = %v, want EINVAL", limit+1, nerr)
	}
	t.Logf("sockfile: %v", err)
	t.Logf("net:      %v", nerr)
}

func TestListenErrors(t *testing.T) {
	dir := conns.CleanDir(t)
	for _, tt := range []struct {
		network, path string
		perm          fs.FileMode
		want          error
	}{
		{"unixgram", dir + "/s", 0o600, net.UnknownNetworkError("unixgram")},
		{"tcp", dir + "/s", 0o600, net.UnknownNetworkError("tcp")},
		{"unix", "", 0o600, fs.ErrInvalid},
		{"unix", dir + "/s", fs.ModeSetuid | 0o600, fs.ErrInvalid},
		{"unix", dir + "/s\x00", 0o600, syscall.EINVAL},
		{"unix", dir + "/none/s", 0o600, fs.ErrNotExist},
	} {
		l, err := sockfile.Listen(tt.network, tt.path, tt.perm)
		if !errors.Is(err, tt.want) || l != nil {
			t.Errorf("Listen(%q, %q, %v) = %v, %v, want %v",
				tt.network, tt.path, tt.perm, l, err, tt.want)
		}
	}
}

func ExampleListen() {
	dir, err := os.MkdirTemp("", "listen")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.sock")
	l, err := sockfile.Listen("unix", path, 0o660) // owner and group may connect
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	info, err := os.Stat(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Mode())
	_, err = sockfile.Listen("unix", path, 0o660)
	fmt.Println("in use:", errors.Is(err, syscall.EADDRINUSE))
	// Output:
	// Srw-rw----
	// in use: true
}
