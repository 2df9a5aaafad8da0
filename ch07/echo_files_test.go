//go:build unix

package ch07_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"network-programming-with-go/ch07"
)

// filesDir returns a short directory and makes it the current one.
func filesDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ch07")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Chdir(dir)
	return dir
}

// filesWaitEnd waits until there are no more goroutines than before.
func filesWaitEnd(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			t.Fatal("the server has not ended")
		}
		runtime.Gosched()
	}
}

// The book's form: the context ends the server, which removes its socket file.
func TestDatagramEchoServer(t *testing.T) {
	path := filepath.Join(filesDir(t), "server")
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, err := ch07.DatagramEchoServer(ctx, "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	if addr.String() != path || addr.Network() != "unixgram" {
		t.Errorf("address = %s %s, want unixgram %s", addr.Network(), addr, path)
	}
	cancel()
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("socket file after the server's end: %v, want none", err)
		}
	}
	filesWaitEnd(t, before)
}

// The path may be relative, and the process elsewhere when the server ends.
func TestEchoServersRelativePath(t *testing.T) {
	for network, start := range map[string]func(context.Context, string, string) (net.Addr,
		error){"unix": ch07.StreamingEchoServer, "unixgram": ch07.DatagramEchoServer} {
		t.Run(network, func(t *testing.T) {
			dir := filesDir(t)
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := start(ctx, network, "server"); err != nil {
				t.Fatal(err)
			}
			t.Chdir("/")
			cancel()
			for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
				_, err := os.Lstat(filepath.Join(dir, "server"))
				if errors.Is(err, fs.ErrNotExist) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("socket file after the server's end: %v, want none", err)
				}
			}
			filesWaitEnd(t, before)
		})
	}
}

// A server that ends removes its socket file, and not what another has put in its place.
// (A net.UnixListener would.)
func TestEchoServersLeaveAnothersFile(t *testing.T) {
	for network, start := range map[string]func(context.Context, string, string) (net.Addr,
		error){"unix": ch07.StreamingEchoServer, "unixgram": ch07.DatagramEchoServer} {
		t.Run(network, func(t *testing.T) {
			path := filepath.Join(filesDir(t), "server")
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			addr, err := start(ctx, network, path)
			if err != nil {
				t.Fatal(err)
			}
			// An echo shows that the server is up: it has noted its own file.
			client := &net.UnixAddr{Name: path + ".client", Net: network}
			conn, err := net.DialUnix(network, client, addr.(*net.UnixAddr))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Write([]byte("x"))
			if n, err := conn.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Fatalf("Read = %d, %v, want the echo", n, err)
			}
			os.Remove(path)
			if err := os.WriteFile(path, []byte("another's"), 0o600); err != nil {
				t.Fatal(err)
			}
			cancel()
			filesWaitEnd(t, before)
			if err := os.Remove(path); err != nil {
				t.Errorf("the file put there meanwhile: %v", err)
			}
		})
	}
}

// An abstract name has no file: one that is called so is another's.
func TestEchoServersLeaveFileOfAbstractName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	filesDir(t)
	for network, start := range map[string]func(context.Context, string, string) (net.Addr,
		error){"unix": ch07.StreamingEchoServer, "unixgram": ch07.DatagramEchoServer} {
		name := fmt.Sprintf("@ch07-files-%s-%d", network, os.Getpid())
		if err := os.WriteFile(name, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := start(ctx, network, name); err != nil {
			t.Errorf("%s on %s: %v", network, name, err)
		}
		cancel()
		filesWaitEnd(t, before)
		if _, err := os.Stat(name); err != nil {
			t.Errorf("after the end of %s: %v", network, err)
		}
	}
}
