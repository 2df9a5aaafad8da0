//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sockfile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/sockfile"
)

// A datagram and its response, with permission bits on the socket file.
func TestListenUnixgram(t *testing.T) {
	dir := conns.CleanDir(t)
	path := filepath.Join(dir, "server")
	c, err := sockfile.ListenUnixgram(path, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o640 {
		t.Errorf("socket file: %v, %v, want mode %v", info.Mode(), err, fs.ModeSocket|0o640)
	}
	own := filepath.Join(dir, "client")
	client, err := net.DialUnix("unixgram", &net.UnixAddr{Name: own, Net: "unixgram"},
		c.LocalAddr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(own)
	defer client.Close()
	if _, err := client.Write([]byte("request")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, from, err := c.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "request" {
		t.Fatalf("ReadFrom = %q, %v, want \"request\"", buf[:n], err)
	}
	if n, err := c.WriteTo([]byte("response"), from); n != len("response") || err != nil {
		t.Errorf("WriteTo = %d, %v, want %d, nil", n, err, len("response"))
	}
	if n, err := client.Read(buf); err != nil || string(buf[:n]) != "response" {
		t.Errorf("client reads %q, %v, want \"response\"", buf[:n], err)
	}
}

// WriteTo does not wait for a receiver that does not read. Package net waits.
func TestUnixgramWriteToDoesNotWait(t *testing.T) {
	dir := conns.CleanDir(t)
	c, err := sockfile.ListenUnixgram(filepath.Join(dir, "server"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetWriteDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	silentPath := filepath.Join(dir, "silent")
	silent, err := net.ListenPacket("unixgram", silentPath)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(silentPath)
	defer silent.Close()
	sent := 0
	for ; err == nil && sent < 10_000; sent++ {
		_, err = c.WriteTo([]byte("x"), silent.LocalAddr())
	}
	t.Logf("write %d: %v", sent, err)
	full := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOBUFS) // as on BSDs
	if !full || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("WriteTo = %v, want EAGAIN at once", err)
	}
	plain, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "plain"),
		Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(filepath.Join(dir, "plain"))
	defer plain.Close()
	plain.SetWriteDeadline(time.Now().Add(time.Millisecond))
	_, err = plain.WriteTo([]byte("x"), silent.LocalAddr())
	t.Logf("package net: %v", err)
	if runtime.GOOS == "linux" && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("WriteTo of package net = %v, want it to wait for its deadline", err)
	}
}

// A client without a name cannot get a response, and neither can a client that is gone.
func TestUnixgramWriteToErrors(t *testing.T) {
	dir := conns.CleanDir(t)
	c, err := sockfile.ListenUnixgram(filepath.Join(dir, "server"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		to   net.Addr
		want error // nil: any
	}{
		{"nil", nil, nil},
		{"nil pointer", (*net.UnixAddr)(nil), nil},
		{"another network", &net.UDPAddr{}, nil},
		{"gone", &net.UnixAddr{Name: filepath.Join(dir, "gone"), Net: "unixgram"}, syscall.ENOENT},
	} {
		n, err := c.WriteTo([]byte("x"), tt.to)
		if n != 0 || err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("WriteTo(%s) = %d, %v, want 0, %v", tt.name, n, err, tt.want)
		}
	}
	c.Close()
	to := &net.UnixAddr{Name: filepath.Join(dir, "gone"), Net: "unixgram"}
	if _, err := c.WriteTo([]byte("x"), to); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteTo after Close = %v, want net.ErrClosed", err)
	}
}

// The conn has no other way to write: the other methods of package net wait.
func TestUnixgramHasOneWayToWrite(t *testing.T) {
	c, err := sockfile.ListenUnixgram(filepath.Join(conns.CleanDir(t), "server"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(net.Conn); ok {
		t.Error("the conn has a method Write")
	}
	if _, ok := c.(interface {
		WriteToUnix([]byte, *net.UnixAddr) (int, error)
	}); ok {
		t.Error("the conn has a method WriteToUnix")
	}
}

func TestListenUnixgramErrors(t *testing.T) {
	dir := conns.CleanDir(t)
	for _, tt := range []struct {
		path string
		perm fs.FileMode
		want error
	}{
		{"", 0o600, fs.ErrInvalid},
		{dir + "/s", fs.ModeSticky | 0o600, fs.ErrInvalid},
		{dir + "/none/s", 0o600, fs.ErrNotExist},
		{dir, 0o600, sockfile.ErrNotSocket},
	} {
		if c, err := sockfile.ListenUnixgram(tt.path, tt.perm); !errors.Is(err, tt.want) || c != nil {
			t.Errorf("ListenUnixgram(%q, %v) = %v, %v, want %v", tt.path, tt.perm, c, err, tt.want)
		}
	}
}
