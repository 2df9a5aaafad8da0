package fastudp_test

import (
	"net"
	"testing"
	"time"

	"network-programming-with-go/ch06/fastudp"
	"network-programming-with-go/ch06/internal/netns"
)

// TestFragments looks at the IP header. Without the DF bit a router may fragment datagrams
// that are larger than the next link's MTU, so they arrive at hosts that know nothing of it.
func TestFragments(t *testing.T) {
	const df = 0x40
	for _, tt := range []struct {
		name string
		open func(network, address string) (net.PacketConn, error)
		want byte
	}{
		{"net", net.ListenPacket, df},
		{"fastudp", fastudp.ListenPacket, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			netns.Enter(t)
			wire, err := net.ListenIP("ip4:udp", &net.IPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Skipf("no raw socket: %v", err)
			}
			defer wire.Close()
			sender, err := tt.open("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			if _, err := sender.WriteTo([]byte("hello"), sender.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			header := make([]byte, 100)
			wire.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; wire is open
			if n, _, _, _, err := wire.ReadMsgIP(header, nil); err != nil || n < 20 {
				t.Fatalf("ReadMsgIP = %d, %v", n, err)
			}
			if got := header[6] & df; got != tt.want {
				t.Errorf("DF bit = %#x, want %#x", got, tt.want)
			}
		})
	}
}
