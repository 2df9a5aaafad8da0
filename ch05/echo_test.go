package ch05_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch05"
)

func TestEchoServerUDP(t *testing.T) {
	echoLeakCheck(t)
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			addr, err := ch05.EchoServerUDP(ctx, listen)
			if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
				t.Skipf("no such address here: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			client := echoDial(t, addr.String())
			for _, size := range []int{5, 0, 1, 1472, 1473, 9000, ch05.MaxDatagram} {
				sent := bytes.Repeat([]byte{byte(size)}, size)
				if _, err := client.Write(sent); errors.Is(err, syscall.EMSGSIZE) ||
					errors.Is(err, syscall.ENOBUFS) {
					t.Logf("%d bytes: this system sends no datagram so large", size)
					continue
				} else if err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 1<<16)
				n, err := client.Read(got)
				if err != nil || !bytes.Equal(got[:n], sent) {
					t.Errorf("sent %d bytes, got %d back, %v", size, n, err)
				}
				t.Logf("%v echoed %d bytes", addr, n)
			}
		})
	}
}

func TestEchoServerUDPBadAddress(t *testing.T) {
	conn := echoListen(t)
	addr, err := ch05.EchoServerUDP(t.Context(), conn.LocalAddr().String())
	if !errors.Is(err, syscall.EADDRINUSE) &&
		!errors.Is(err, syscall.Errno(10048)) { // WSAEADDRINUSE, on Windows
		t.Errorf("EchoServerUDP = %v, %v; want syscall.EADDRINUSE", addr, err)
	}
	for _, bad := range []string{"127.0.0.1", "127.0.0.1:65536", "[::1:0", "nonsense"} {
		addr, err := ch05.EchoServerUDP(t.Context(), bad)
		if _, ok := errors.AsType[*net.AddrError](err); !ok || addr != nil {
			t.Errorf("EchoServerUDP(%q) = %v, %v; want a *net.AddrError", bad, addr, err)
		}
		t.Log(err)
	}
}

// The end of ctx ends the server, which waits for a datagram, and frees its address.
func TestEchoUDPEnds(t *testing.T) {
	echoLeakCheck(t)
	conn := echoListen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- ch05.EchoUDP(ctx, conn) }()
	client := echoDial(t, conn.LocalAddr().String())
	echoOnce(t, client, []byte("alive"))

	cancel()
	if err := <-ended; err != nil {
		t.Errorf("EchoUDP = %v, want nil after its context ended", err)
	}
	again, err := net.ListenPacket("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatalf("bind the address again: %v", err)
	}
	again.Close()
}

// A context that has ended before the call ends the server as well, and frees its socket.
func TestEchoUDPEndedBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	conn := echoListen(t)
	if err := ch05.EchoUDP(ctx, conn); err != nil {
		t.Errorf("EchoUDP = %v, want nil", err)
	}
	if _, err := conn.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket afterwards: %v, want net.ErrClosed", err)
	}
}

func TestEchoUDPClosedByAnother(t *testing.T) {
	conn := echoListen(t)
	conn.Close()
	if err := ch05.EchoUDP(t.Context(), conn); !errors.Is(err, net.ErrClosed) {
		t.Errorf("EchoUDP on a closed conn = %v, want net.ErrClosed", err)
	}
}

// Strangers who send and hang up make the system report "port unreachable" to a server
// that answers them. The next one is served all the same.
func TestEchoServerUDPSurvivesStrangersThatLeave(t *testing.T) {
	echoLeakCheck(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, err := ch05.EchoServerUDP(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := echoDial(t, addr.String()) // first, or it could get a stranger's port
	for range 50 {
		stranger := echoDial(t, addr.String())
		if _, err := stranger.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		stranger.Close()
	}
	echoOnce(t, client, []byte("still there?"))
}

func TestEchoUDPAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, err := ch05.EchoServerUDP(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := echoDial(t, addr.String())
	p := make([]byte, 1400)
	allocs := testing.AllocsPerRun(500, func() { // counts those of all goroutines
		if _, err := client.Write(p); err != nil {
			t.Error(err)
		}
		if n, err := client.Read(p); n != len(p) || err != nil {
			t.Errorf("got %d bytes back, %v", n, err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per datagram, want 0", allocs)
	}
}

func echoListen(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echoDial returns a client with a deadline: UDP may drop, even on loopback.
func echoDial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func echoOnce(t *testing.T, client net.Conn, sent []byte) {
	t.Helper()
	if _, err := client.Write(sent); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(sent)+1)
	n, err := client.Read(got)
	if err != nil || !bytes.Equal(got[:n], sent) {
		t.Fatalf("sent %q, got %q back, %v", sent, got[:n], err)
	}
}

// echoLeakCheck wants no more goroutines at the end of the test than now.
func echoLeakCheck(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
			if runtime.NumGoroutine() <= before {
				return
			}
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<16)
				t.Errorf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}
