package ch07_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07"
)

// echoDir returns a short directory: t.TempDir is too long for a socket path on macOS.
func echoDir(t testing.TB) string {
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

// echoNoLeak fails if goroutines that start after this call are still there at the end.
func echoNoLeak(t testing.TB) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<16)
				t.Fatalf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
			}
			runtime.Gosched()
		}
	})
}

// echoStart runs ServeEcho and returns its address. At the end it must return nil.
func echoStart(t testing.TB, network, addr string) net.Addr {
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

func echoDial(t testing.TB, addr net.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	return conn
}

// A stream has no messages: three writes may come back in one read, or in any other
// pieces. So the client asks for as many bytes as it sent, however they arrive.
func TestEchoServerStreams(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			echoNoLeak(t)
			addr := "127.0.0.1:0"
			if network == "unix" {
				addr = filepath.Join(echoDir(t), "echo.sock")
			}
			conn := echoDial(t, echoStart(t, network, addr))
			for range 3 {
				if _, err := io.WriteString(conn, "ping"); err != nil {
					t.Fatal(err)
				}
			}
			got := make([]byte, len("pingpingping"))
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "pingpingping" {
				t.Fatalf("echo of three writes = %q, %v", got, err)
			}
			// Half-closed, the client still gets the rest and then the end.
			io.WriteString(conn, "bye")
			conn.(interface{ CloseWrite() error }).CloseWrite()
			if rest, err := io.ReadAll(conn); err != nil || string(rest) != "bye" {
				t.Errorf("echo after CloseWrite = %q, %v, want \"bye\", nil", rest, err)
			}
		})
	}
}

// What a unix stream does with writes that nobody has read yet: it merges them.
func TestUnixStreamMergesWrites(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(echoDir(t), "s.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn := echoDial(t, l.Addr())
	for _, word := range []string{"one", "two", "three"} {
		if _, err := io.WriteString(conn, word); err != nil {
			t.Fatal(err)
		}
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	buf := make([]byte, 64)
	n, err := server.Read(buf)
	t.Logf("three writes, one Read: %q", buf[:n])
	if err != nil || string(buf[:n]) != "onetwothree" {
		t.Errorf("Read = %q, %v, want all three writes", buf[:n], err)
	}
}

// The book's form: an address comes back, the context ends the server, which removes its
// socket file. There is no call to wait for: the goroutines go, and then no file is left.
func TestStreamingEchoServer(t *testing.T) {
	path := filepath.Join(echoDir(t), "echo.sock")
	echoNoLeak(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, err := ch07.StreamingEchoServer(ctx, "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bound %s %s", addr.Network(), addr)
	_, err = ch07.StreamingEchoServer(ctx, "unix", path)
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("second server on one path: %v, want EADDRINUSE", err)
	}
	for _, network := range []string{"udp", "unixgram", "pigeon", ""} {
		_, err := ch07.StreamingEchoServer(ctx, network, path+"2")
		if _, ok := errors.AsType[net.UnknownNetworkError](err); !ok {
			t.Errorf("StreamingEchoServer(%q) = %v, want net.UnknownNetworkError", network, err)
		}
	}
	conn := echoDial(t, addr)
	io.WriteString(conn, "x")
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("connection after cancel: %q, %v, want its end", rest, err)
	}
}
