package fastudp_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"network-programming-with-go/ch06/fastudp"
	"network-programming-with-go/ch06/internal/netns"
)

// A request that several hosts may get is ignored: RFC 1123 section 4.2.3.5.
func TestReadRequestShared(t *testing.T) {
	for _, tt := range []struct{ name, network, listen, client, shared, asked string }{
		{"broadcast", "udp4", "0.0.0.0:0", "127.0.0.1", "127.255.255.255", "127.0.0.1"},
		{"broadcast, both families", "udp", "[::]:0", "127.0.0.1", "127.255.255.255", "127.0.0.1"},
		{"IPv4 multicast", "udp4", "0.0.0.0:0", "127.0.0.1", "224.0.0.1", "127.0.0.1"},
		{"IPv6 multicast", "udp6", "[::]:0", "::", "ff02::1%veth0", "::1"},
		{"IPv6 multicast, both families", "udp", "[::]:0", "::", "ff02::1%veth0", "::1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sharedNamespace(t)
			server, err := fastudp.Listen(tt.network, tt.listen)
			if err != nil {
				t.Skipf("no %s here: %v", tt.network, err)
			}
			defer server.Close()
			client, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(tt.client), 0)))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			send := func(text, host string) error {
				to := netip.AddrPortFrom(netip.MustParseAddr(host), server.LocalAddr().(*net.UDPAddr).AddrPort().Port())
				_, err := client.WriteToUDPAddrPort([]byte(text), to)
				return err
			}
			b := make([]byte, 100)
			// That it arrives at all. A new link may take a moment to get ready.
			for tries := 0; ; tries++ {
				failed := send("a probe", tt.shared)
				server.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // cannot fail: server is open
				n, _, err := server.ReadFrom(b)
				if err == nil && string(b[:n]) == "a probe" {
					break
				}
				if tries == 100 {
					t.Fatalf("what is sent to %s does not arrive: %v, %v", tt.shared, failed, err)
				}
			}
			server.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; server is open
			for _, err := range []error{send("for all", tt.shared), send("for one", tt.asked)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			n, _, local, err := server.(interface {
				ReadRequest([]byte) (int, netip.AddrPort, netip.Addr, error)
			}).ReadRequest(b)
			if err != nil || string(b[:n]) != "for one" || local.String() != tt.asked {
				t.Errorf("ReadRequest = %q to %v, %v, want for one to %s", b[:n], local, err, tt.asked)
			}
		})
	}
}

// sharedNamespace gives the test a network with a loopback interface and a link.
func sharedNamespace(t *testing.T) {
	t.Helper()
	netns.Enter(t)
	for _, args := range [][]string{
		{"link", "set", "lo", "multicast", "on"},
		{"route", "add", "multicast", "224.0.0.0/4", "dev", "lo"},
		{"link", "add", "veth0", "type", "veth", "peer", "veth1"},
		{"link", "set", "veth0", "up"},
		{"link", "set", "veth1", "up"},
		{"address", "add", "fe80::1/64", "dev", "veth0", "nodad"}, // without it, a second passes
	} {
		netns.IP(t, args...)
	}
}
