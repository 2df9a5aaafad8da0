//go:build unix

// Windows has no unixgram. On all other systems package net has it.

package ch07_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
	"network-programming-with-go/ch07/sockfile"
)

// unixgramStart runs ServePacketEcho on dir/server until the test ends.
func unixgramStart(t testing.TB, dir string) *net.UnixAddr {
	t.Helper()
	path := filepath.Join(dir, "server")
	c, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(path); err != nil { // net.UnixConn leaves it
			t.Errorf("server's socket file: %v", err)
		}
	})
	return unixgramServe(t, c)
}

func unixgramServe(t testing.TB, c net.PacketConn) *net.UnixAddr {
	t.Helper()
	leak.Check(t)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- ch07.ServePacketEcho(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("ServePacketEcho = %v, want nil after its context ended", err)
		}
	})
	return c.LocalAddr().(*net.UnixAddr)
}

// unixgramDial binds a name of its own, without which no response can come. It removes
// the file afterwards, which Close does not do.
func unixgramDial(t testing.TB, server *net.UnixAddr, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := os.Remove(path); err != nil {
			t.Errorf("client's socket file: %v", err)
		}
	})
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	return conn
}

// Three writes are three messages, an empty one included.
func TestEchoServerUnixDatagram(t *testing.T) {
	dir := conns.CleanDir(t)
	server := unixgramStart(t, dir)
	conn := unixgramDial(t, server, filepath.Join(dir, "client"))
	messages := []string{"one", "", "three"}
	for _, m := range messages {
		if _, err := conn.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 64)
	for _, m := range messages {
		n, err := conn.Read(buf)
		t.Logf("one Read: %q", buf[:n])
		if err != nil || string(buf[:n]) != m {
			t.Errorf("Read = %q, %v, want %q", buf[:n], err, m)
		}
	}
}

// 64 KiB come back whole. Of a longer message the tail is lost, and only of that one.
func TestEchoServerUnixDatagramSizes(t *testing.T) {
	dir := conns.CleanDir(t)
	conn := unixgramDial(t, unixgramStart(t, dir), filepath.Join(dir, "client"))
	buf := make([]byte, 128<<10)
	for _, size := range []int{2048, 64 << 10, 64<<10 + 1, 1} {
		sent := bytes.Repeat([]byte{'x'}, size)
		if _, err := conn.Write(sent); errors.Is(err, syscall.EMSGSIZE) {
			t.Logf("%d bytes: this system does not send that: %v", size, err)
			continue // macOS stops at 2,048 bytes by default
		} else if err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		want := sent[:min(size, 64<<10)]
		if err != nil || !bytes.Equal(buf[:n], want) {
			t.Errorf("echo of %d bytes: %d bytes, %v, want %d", size, n, err, len(want))
		}
		t.Logf("%d bytes sent, %d came back", size, n)
	}
}

// Clients that a response cannot reach: one without a name, one that is gone, one that does
// not read. With the conn of package sockfile the server goes on at once for the others.
func TestEchoServerUnixDatagramNoWayBack(t *testing.T) {
	dir := conns.CleanDir(t)
	c, err := sockfile.ListenUnixgram(filepath.Join(dir, "server"), 0o600)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	server := unixgramServe(t, c)
	nameless, err := net.DialUnix("unixgram", nil, server)
	if err != nil {
		t.Fatal(err)
	}
	defer nameless.Close()
	nameless.Write([]byte("who am I?")) // may fail: only the server's health matters

	gone, err := net.DialUnix("unixgram",
		&net.UnixAddr{Name: filepath.Join(dir, "gone"), Net: "unixgram"}, server)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "gone"))
	gone.Write([]byte("no way back"))
	gone.Close()

	silentPath := filepath.Join(dir, "silent")
	silent, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: silentPath, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(silentPath)
	defer silent.Close()
	silent.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure

	// Linux queues 11 messages for a receiver that does not read. A plain write then waits.
	conn := unixgramDial(t, server, filepath.Join(dir, "client"))
	buf := make([]byte, 64)
	for i := range 30 {
		if _, err := silent.WriteTo([]byte("x"), server); err != nil {
			t.Fatalf("message %d of a client that does not read: %v", i, err)
		}
		if _, err := conn.Write([]byte("still there?")); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "still there?" {
			t.Fatalf("echo after %d responses that are not read = %q, %v", i+1, buf[:n], err)
		}
	}
}

func ExampleDatagramEchoServer() {
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) // with the client's socket file, which its Close leaves
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // ends the server
	server, err := ch07.DatagramEchoServer(ctx, "unixgram", filepath.Join(dir, "server"))
	if err != nil {
		fmt.Println(err)
		return
	}
	own := &net.UnixAddr{Name: filepath.Join(dir, "client"), Net: "unixgram"}
	conn, err := net.DialUnix("unixgram", own, server.(*net.UnixAddr))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "one")
	fmt.Fprint(conn, "two")
	buf := make([]byte, 64)
	for range 2 {
		n, err := conn.Read(buf) // one read, one message
		fmt.Printf("%q %v\n", buf[:n], err)
	}
	// Output:
	// "one" <nil>
	// "two" <nil>
}
