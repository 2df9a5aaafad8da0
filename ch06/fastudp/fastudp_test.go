package fastudp_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"network-programming-with-go/ch06/fastudp"
)

// TestPlain uses the sockets as those of net.ListenPacket, which they are on any system.
func TestPlain(t *testing.T) {
	type blockConn interface {
		WriteBlocks(b []byte, size int, to netip.AddrPort) error
		ReadBlocks(b []byte) (n, size int, from netip.AddrPort, err error)
	}
	type requestConn interface {
		ReadRequest(b []byte) (n int, from netip.AddrPort, local netip.Addr, err error)
		Reply(b []byte, to netip.AddrPort, local netip.Addr) error
	}
	for _, tt := range []struct {
		name  string
		open  func(network, address string) (net.PacketConn, error)
		knows func(net.PacketConn) bool
	}{
		{"ListenPacket", fastudp.ListenPacket, func(c net.PacketConn) bool { _, ok := c.(blockConn); return ok }},
		{"Listen", fastudp.Listen, func(c net.PacketConn) bool { _, ok := c.(requestConn); return ok }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tt.open("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got, want := tt.knows(conn), runtime.GOOS == "linux"; got != want {
				t.Errorf("%T has the fast methods: %t, want %t", conn, got, want)
			}
			if _, err := conn.WriteTo([]byte("hello"), conn.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; conn is open
			b := make([]byte, 100)
			n, from, err := conn.ReadFrom(b)
			if err != nil || string(b[:n]) != "hello" || from.String() != conn.LocalAddr().String() {
				t.Errorf("ReadFrom = %q, %v, %v, want hello from %v", b[:n], from, err, conn.LocalAddr())
			}
			if second, err := tt.open("udp4", conn.LocalAddr().String()); err == nil || second != nil {
				t.Errorf("a second socket on %v: %v, %v, want an error", conn.LocalAddr(), second, err)
			}
			if _, err := tt.open("tcp", "127.0.0.1:0"); err == nil {
				t.Error("network tcp: no error")
			}
		})
	}
}
