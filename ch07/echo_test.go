package ch07_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/internal/conns"
	"network-programming-with-go/ch07/internal/leak"
)

// echoStart runs ServeEcho until the test ends. It must return nil then.
func echoStart(t *testing.T, network, addr string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
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

func echoDial(t *testing.T, addr net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	return conn
}

// A stream has no messages: three writes may come back in one read, or in other pieces.
// So the client asks for as many bytes as it sent, however they arrive.
func TestEchoServerStreams(t *testing.T) {
	for _, tt := range []struct{ network, addr string }{
		{"unix", filepath.Join(conns.CleanDir(t), "echo.sock")},
		{"tcp", "127.0.0.1:0"},
	} {
		t.Run(tt.network, func(t *testing.T) {
			leak.Check(t)
			conn := echoDial(t, echoStart(t, tt.network, tt.addr))
			for range 3 {
				if _, err := io.WriteString(conn, "ping"); err != nil {
					t.Fatal(err)
				}
			}
			got := make([]byte, len("pingpingping"))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "pingpingping" {
				t.Fatalf("echo of three writes = %q, %v, want \"pingpingping\"", got, err)
			}
			// After a half-close the client still gets the rest and then the end.
			io.WriteString(conn, "bye")
			conn.(interface{ CloseWrite() error }).CloseWrite()
			if rest, err := io.ReadAll(conn); err != nil || string(rest) != "bye" {
				t.Errorf("echo after CloseWrite = %q, %v, want \"bye\", nil", rest, err)
			}
		})
	}
}

// A unix stream merges writes that wait to be read.
func TestUnixStreamMergesWrites(t *testing.T) {
	client, server := conns.UnixPair(t)
	for _, word := range []string{"one", "two", "three"} {
		if _, err := io.WriteString(client, word); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 64)
	n, err := server.Read(buf)
	t.Logf("three writes, one Read: %q", buf[:n])
	if err != nil || string(buf[:n]) != "onetwothree" {
		t.Errorf("Read = %q, %v, want all three writes", buf[:n], err)
	}
}

// The end of the context ends the server. A client that reads the end of its connection
// knows that the socket file is gone.
func TestStreamingEchoServer(t *testing.T) {
	leak.Check(t)
	path := filepath.Join(conns.CleanDir(t), "echo.sock")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, err := ch07.StreamingEchoServer(ctx, "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if addr.Network() != "unix" || addr.String() != path {
		t.Errorf("address = %s %s, want unix %s", addr.Network(), addr, path)
	}
	conn := echoDial(t, addr)
	io.WriteString(conn, "x")
	if got, err := io.ReadAll(io.LimitReader(conn, 1)); err != nil || string(got) != "x" {
		t.Fatalf("echo = %q, %v, want \"x\"", got, err)
	}
	cancel()
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("connection after cancel: %q, %v, want its end", rest, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket file after the end of the connection: %v, want none", err)
	}
}

func TestStreamingEchoServerErrors(t *testing.T) {
	path := filepath.Join(conns.CleanDir(t), "echo.sock")
	echoStart(t, "unix", path)
	_, err := ch07.StreamingEchoServer(t.Context(), "unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second server on one path: %v, want EADDRINUSE", err)
	}
	for _, network := range []string{"udp", "unixgram", "pigeon", ""} {
		_, err := ch07.StreamingEchoServer(t.Context(), network, path+"2")
		if _, ok := errors.AsType[net.UnknownNetworkError](err); !ok {
			t.Errorf("StreamingEchoServer(%q) = %v, want net.UnknownNetworkError", network, err)
		}
	}
}
