package fastudp_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch06/fastudp"
)

// requestConn is what Listen opens on Linux.
type requestConn interface {
	net.PacketConn
	syscall.Conn
	ReadRequest(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error)
	Reply(b []byte, to netip.AddrPort, local netip.Addr) error
}

// TestReply asks each address of a host. The response comes from the one that was asked.
func TestReply(t *testing.T) {
	for _, tt := range []struct {
		network, listen string
		asked           []string
	}{
		{"udp4", "0.0.0.0:0", []string{"127.0.0.1", "127.0.0.2", "127.9.9.9"}},
		{"udp", "[::]:0", []string{"127.0.0.1", "127.0.0.3", "::1", requestLinkLocal()}},
		{"udp6", "[::]:0", []string{"::1", requestLinkLocal()}},
		{"udp4", "127.0.0.4:0", []string{"127.0.0.4"}},
		{"udp6", "[::1]:0", []string{"::1"}},
	} {
		for _, asked := range tt.asked {
			t.Run(tt.network+" "+tt.listen+" "+asked, func(t *testing.T) {
				if asked == "" {
					t.Skip("no link-local address here")
				}
				server := requestListen(t, tt.network, tt.listen)
				addr := netip.MustParseAddr(asked)
				to := netip.AddrPortFrom(addr, server.LocalAddr().(*net.UDPAddr).AddrPort().Port())
				client := requestClient(t, addr)
				if _, err := client.WriteToUDPAddrPort([]byte("request"), to); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 100)
				n, from, local, err := server.ReadRequest(b)
				if err != nil || string(b[:n]) != "request" {
					t.Fatalf("ReadRequest = %q, %v, want request", b[:n], err)
				}
				if want := client.LocalAddr().(*net.UDPAddr).AddrPort(); from != want {
					t.Errorf("ReadRequest: from %v, want %v", from, want)
				}
				if local != addr {
					t.Errorf("ReadRequest: local = %v, want %v", local, addr)
				}
				for _, source := range []netip.Addr{local, {}} { // known, and left to the kernel
					if err := server.Reply([]byte("response"), from, source); err != nil {
						t.Fatalf("Reply from %v: %v", source, err)
					}
					n, responder, err := client.ReadFromUDPAddrPort(b)
					if err != nil || string(b[:n]) != "response" {
						t.Fatalf("the client read %q, %v, want response", b[:n], err)
					}
					if source.IsValid() && responder != to {
						t.Errorf("the response came from %v, want %v", responder, to)
					}
				}
			})
		}
	}
}

// Address and network are those of package net, and so are the errors.
func TestListen(t *testing.T) {
	four := requestListen(t, "udp4", "0.0.0.0:0")
	_, port, err := net.SplitHostPort(four.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	six, err := fastudp.Listen("udp6", net.JoinHostPort("::", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("0.0.0.0 also took the port of IPv6: %v", err)
	} else if err == nil {
		six.Close()
	}
	// 203.0.113.1 is not an address of this host.
	if err := four.Reply(nil, netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddr("203.0.113.1")); err == nil {
		t.Error("Reply from 203.0.113.1: no error")
	}
	four.SetReadDeadline(time.Now().Add(time.Millisecond)) // cannot fail: four is open
	if n, _, _, err := four.ReadRequest(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || n != 0 {
		t.Errorf("ReadRequest after its deadline = %d, %v, want 0, os.ErrDeadlineExceeded", n, err)
	}
	four.Close()
	if _, _, _, err := four.ReadRequest(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadRequest of a closed socket: error = %v, want net.ErrClosed", err)
	}
}

// Both kinds of socket have room for more datagrams than others, if the system allows it.
func TestReadBuffer(t *testing.T) {
	plain, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	want := requestReadBuffer(t, plain)
	if got := requestReadBuffer(t, requestListen(t, "udp4", "127.0.0.1:0")); got != want {
		t.Errorf("Listen: room for %d bytes, want %d", got, want)
	}
	conn, err := fastudp.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	blocks := conn.(interface {
		syscall.Conn
		ReadBlocks([]byte) (int, int, netip.AddrPort, error)
	})
	if got := requestReadBuffer(t, blocks); got >= want {
		t.Skipf("room for %d bytes in any socket", got)
	}
	conn.SetReadDeadline(time.Unix(1, 0))   // cannot fail: conn is open
	blocks.ReadBlocks(make([]byte, 64<<10)) // times out
	if got := requestReadBuffer(t, blocks); got != want {
		t.Errorf("ListenPacket, after ReadBlocks: room for %d bytes, want %d", got, want)
	}
}

func requestListen(t *testing.T, network, address string) requestConn {
	t.Helper()
	conn, err := fastudp.Listen(network, address)
	if err != nil {
		t.Skipf("no %s on %s here: %v", network, address, err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; conn is open
	return conn.(requestConn)
}

// requestClient opens a socket on an address that reaches the server's, but is another one
// if there is a choice.
func requestClient(t *testing.T, server netip.Addr) *net.UDPConn {
	t.Helper()
	host := server
	if server.Is4() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	client, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
	if err != nil {
		t.Skipf("no %v here: %v", host, err)
	}
	t.Cleanup(func() { client.Close() })
	client.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; client is open
	return client
}

// requestLinkLocal returns an address of this host, with its zone.
func requestLinkLocal() string {
	links, _ := net.Interfaces() // none, then
	for _, link := range links {
		addrs, _ := link.Addrs() // as above
		for _, addr := range addrs {
			if ip, ok := addr.(*net.IPNet); ok && ip.IP.To4() == nil && ip.IP.IsLinkLocalUnicast() {
				return ip.IP.String() + "%" + link.Name
			}
		}
	}
	return ""
}

// requestReadBuffer returns the size of the socket's receive buffer.
func requestReadBuffer(t *testing.T, conn syscall.Conn) (size int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		size, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return size
}
