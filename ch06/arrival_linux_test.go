package ch06_test

import (
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch06"
)

// A server that listens on every address answers from the one that was asked: clients drop
// what comes from another.
func TestAnswerFromTheAddressAsked(t *testing.T) {
	for _, tt := range []struct {
		listen string
		asked  []string
	}{
		{"0.0.0.0:0", []string{"127.0.0.1", "127.0.0.2", "127.9.9.9"}},
		{"[::]:0", []string{"127.0.0.1", "127.0.0.3", "::1"}},
		{"127.0.0.4:0", []string{"127.0.0.4"}},
	} {
		server := &ch06.Server{Payload: []byte("hello")}
		conn, err := net.ListenPacket("udp", tt.listen)
		if err != nil {
			t.Logf("%s: skipped: %v", tt.listen, err) // no IPv6 here
			continue
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(conn) }()
		_, port, err := net.SplitHostPort(conn.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range tt.asked {
			for request, want := range map[string]string{
				"\x00\x01f\x00octet\x00":    "\x00\x03\x00\x01hello", // from a transfer's port
				"\x00\x01f\x00netascii\x00": "\x00\x05\x00\x04",      // from the listening port
			} {
				client, err := net.ListenPacket("udp", net.JoinHostPort(arrivalHost(asked), "0"))
				if err != nil {
					t.Logf("%s: skipped: %v", asked, err)
					continue
				}
				to, err := net.ResolveUDPAddr("udp", net.JoinHostPort(asked, port))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.WriteTo([]byte(request), to); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 600)
				client.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; cannot fail: client is open
				n, from, err := client.ReadFrom(b)
				if err != nil || !strings.HasPrefix(string(b[:n]), want) {
					t.Fatalf("asked %s: got %q, %v, want %q", asked, b[:n], err, want)
				}
				if got := from.(*net.UDPAddr); !got.IP.Equal(to.IP) {
					t.Errorf("listening on %s, asked %s, answered from %v", tt.listen, asked, got)
				}
				t.Logf("listening on %-16s asked %-10s answered from %v", conn.LocalAddr(), asked, from)
				client.Close()
			}
		}
		server.Close() // always nil
		<-served
	}
}

// A request to everybody is answered by nobody: RFC 1123 section 4.2.3.5.
func TestBroadcastIgnored(t *testing.T) {
	for _, network := range []string{"udp", "udp4"} {
		server := &ch06.Server{Payload: []byte("hello")}
		conn, err := net.ListenPacket(network, "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- server.Serve(conn) }()
		port := conn.LocalAddr().(*net.UDPAddr).Port
		client, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []net.IP{net.IPv4(127, 255, 255, 255), net.IPv4(127, 0, 0, 1)} {
			if _, err := client.WriteTo([]byte("\x00\x01f\x00octet\x00"), &net.UDPAddr{IP: to, Port: port}); err != nil {
				t.Skipf("no broadcast on loopback here: %v", err)
			}
		}
		b := make([]byte, 600)
		client.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; cannot fail: client is open
		if _, from, err := client.ReadFromUDPAddrPort(b); err != nil || from.Addr().String() != "127.0.0.1" {
			t.Errorf("%s: the first answer came from %v, %v, want 127.0.0.1", network, from, err)
		}
		client.Close()
		server.Close() // always nil
		<-served
	}
}

// The listening socket has room for more requests than others: one that finds none is
// dropped, and its client waits for seconds before it asks again.
func TestRoomForRequests(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	before := arrivalRoom(t, conn)
	server := &ch06.Server{Payload: []byte("hello")}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	if _, err := (&ch06.Client{}).Get(t.Context(), conn.LocalAddr().String(), "f", io.Discard); err != nil {
		t.Error(err)
	}
	if after := arrivalRoom(t, conn); after <= before && before < 4<<20 {
		t.Errorf("room for %d bytes while it serves, %d before", after, before)
	}
	server.Close() // always nil
	<-served
}

// arrivalRoom returns the size of the socket's receive buffer.
func arrivalRoom(t *testing.T, conn *net.UDPConn) (room int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		room, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return room
}

// arrivalHost is a loopback address of the same family.
func arrivalHost(asked string) string {
	if strings.Contains(asked, ":") {
		return "::1"
	}
	return "127.0.0.1"
}
