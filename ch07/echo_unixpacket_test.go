//go:build unix && !darwin && !aix

// macOS, AIX and Windows have no unixpacket.

package ch07_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
)

// unixpacketListen skips if the kernel has no such sockets after all.
func unixpacketListen(t testing.TB) net.Listener {
	t.Helper()
	dir := conns.CleanDir(t)
	l, err := net.Listen("unixpacket", filepath.Join(dir, "s.sock"))
	if errors.Is(err, syscall.EPROTONOSUPPORT) {
		t.Skipf("no unixpacket here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func unixpacketStart(t testing.TB) net.Addr {
	t.Helper()
	leak.Check(t)
	l := unixpacketListen(t)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- ch07.ServeEcho(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("ServeEcho = %v, want nil after its context ended", err)
		}
	})
	return l.Addr()
}

func unixpacketDial(t testing.TB, addr net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	return conn
}

// Three writes are three messages on one connection.
func TestEchoServerUnixPacket(t *testing.T) {
	conn := unixpacketDial(t, unixpacketStart(t))
	messages := []string{"one", "two", "three"}
	for _, m := range messages {
		if _, err := io.WriteString(conn, m); err != nil {
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

// A read shorter than the message drops the rest of it.
func TestUnixPacketShortRead(t *testing.T) {
	conn := unixpacketDial(t, unixpacketStart(t))
	io.WriteString(conn, "ping")
	io.WriteString(conn, "pong")
	buf := make([]byte, 2)
	for _, want := range []string{"pi", "po"} {
		n, err := conn.Read(buf)
		t.Logf("2-byte Read of a 4-byte message: %q", buf[:n])
		if err != nil || string(buf[:n]) != want {
			t.Errorf("Read = %q, %v, want %q", buf[:n], err, want)
		}
	}
}

// 64 KiB come back whole, which io.Copy with its 32 KiB would not do. Of a longer
// message the tail is lost, and only of that one.
func TestEchoServerUnixPacketSizes(t *testing.T) {
	conn := unixpacketDial(t, unixpacketStart(t))
	buf := make([]byte, 128<<10)
	for _, size := range []int{1, 40 << 10, 64 << 10, 64<<10 + 1, 1} {
		sent := bytes.Repeat([]byte{'x'}, size)
		if _, err := conn.Write(sent); errors.Is(err, syscall.EMSGSIZE) {
			t.Logf("%d bytes: this system does not send that: %v", size, err)
			continue
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

// An empty message reads as io.EOF, but the connection goes on: the next message arrives.
func TestUnixPacketEmptyMessageReadsAsEOF(t *testing.T) {
	l := unixpacketListen(t)
	client := unixpacketDial(t, l.Addr())
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client.Write(nil)
	io.WriteString(client, "more")
	buf := make([]byte, 64)
	if n, err := server.Read(buf); n != 0 || err != io.EOF {
		t.Errorf("Read of an empty message = %d, %v, want 0, io.EOF", n, err)
	}
	if n, err := server.Read(buf); err != nil || string(buf[:n]) != "more" {
		t.Errorf("Read after that = %q, %v, want \"more\"", buf[:n], err)
	}
}

// An empty message ends its connection to the echo server, which still serves the others.
func TestEchoServerUnixPacketEmptyMessage(t *testing.T) {
	addr := unixpacketStart(t)
	odd := unixpacketDial(t, addr)
	odd.Write(nil)
	if n, err := odd.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after an empty message Read = %d, %v, want io.EOF", n, err)
	}
	conn := unixpacketDial(t, addr)
	io.WriteString(conn, "x")
	if n, err := conn.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Errorf("next client's Read = %d, %v, want 1, nil", n, err)
	}
}
