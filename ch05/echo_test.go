package ch05_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"network-programming-with-go/ch05"
	"network-programming-with-go/ch05/internal/conns"
	"network-programming-with-go/ch05/internal/leak"
)

// Datagrams of all sizes come back whole, over IPv4 and IPv6.
func TestEchoServerUDP(t *testing.T) {
	leak.Check(t)
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
			client := conns.DialUDP(t, addr.String())
			for _, size := range []int{5, 0, 1, 1472, 1473, 9000, ch05.MaxDatagram} {
				sent := bytes.Repeat([]byte{byte(size)}, size)
				if _, err := client.Write(sent); errors.Is(err, syscall.EMSGSIZE) ||
					errors.Is(err, syscall.ENOBUFS) {
					t.Logf("%d bytes: this system does not send so large a datagram", size)
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
	conn := conns.ListenUDP(t)
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

// The end of ctx ends a server that waits for a datagram, and frees its address.
func TestEchoUDPEnds(t *testing.T) {
	leak.Check(t)
	conn := conns.ListenUDP(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- ch05.EchoUDP(ctx, conn) }()
	client := conns.DialUDP(t, conn.LocalAddr().String())
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

// If ctx has already ended, the server ends at once and closes its socket.
func TestEchoUDPEndedBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	conn := conns.ListenUDP(t)
	if err := ch05.EchoUDP(ctx, conn); err != nil {
		t.Errorf("EchoUDP = %v, want nil", err)
	}
	if _, err := conn.Write(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket afterwards: %v, want net.ErrClosed", err)
	}
}

// If ctx has not ended, a closed socket is an error.
func TestEchoUDPClosedByAnother(t *testing.T) {
	conn := conns.ListenUDP(t)
	conn.Close()
	if err := ch05.EchoUDP(t.Context(), conn); !errors.Is(err, net.ErrClosed) {
		t.Errorf("EchoUDP on a closed conn = %v, want net.ErrClosed", err)
	}
}

// If a client has closed its socket, its system responds to the server's reply with "port
// unreachable". The next client is still served.
func TestEchoServerUDPSurvivesClientsThatLeave(t *testing.T) {
	leak.Check(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, err := ch05.EchoServerUDP(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := conns.DialUDP(t, addr.String()) // first, or it may get the port of another
	for range 50 {
		gone := conns.DialUDP(t, addr.String())
		if _, err := gone.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		gone.Close()
	}
	echoOnce(t, client, []byte("still there?"))
}

// Sender addresses are values (netip.AddrPort), so a datagram costs no garbage.
func TestEchoUDPAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, err := ch05.EchoServerUDP(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := conns.DialUDP(t, addr.String())
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
