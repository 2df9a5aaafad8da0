package ch05_test

import (
	"fmt"
	"math"
	"net/netip"
	"testing"

	"network-programming-with-go/ch05"
)

func TestMaxPayload(t *testing.T) {
	for _, tt := range []struct {
		link   string
		mtu    int
		v4, v6 int
	}{
		{"Linux loopback", 65536, 65507, 65488}, // IPv4: its length field is the limit
		{"no limit", 1 << 20, ch05.MaxDatagram, 65527},
		{"jumbo frames", 9000, 8972, 8952},
		{"Ethernet", 1500, 1472, 1452},
		{"PPPoE", 1492, 1464, 1444},
		{"least for IPv6", 1280, 1252, 1232},
		{"least for IPv4 (RFC 791)", 68, 40, 20},
		{"headers only", 28, 0, 0},
		{"nonsense", -1, 0, 0},
	} {
		for address, want := range map[string]int{
			"192.0.2.1": tt.v4, "::ffff:192.0.2.1": tt.v4, "2001:db8::1": tt.v6,
		} {
			if got := ch05.MaxPayload(tt.mtu, netip.MustParseAddr(address)); got != want {
				t.Errorf("%s: MaxPayload(%d, %s) = %d, want %d", tt.link, tt.mtu, address,
					got, want)
			}
		}
		t.Logf("%-24s MTU %7d: IPv4 %5d, IPv6 %5d", tt.link, tt.mtu, tt.v4, tt.v6)
	}
}

func TestMaxPayloadOfNoLink(t *testing.T) {
	for _, mtu := range []int{math.MinInt, -1, 0, 28} {
		if got := ch05.MaxPayload(mtu, netip.MustParseAddr("192.0.2.1")); got != 0 {
			t.Errorf("MaxPayload(%d, 192.0.2.1) = %d, want 0", mtu, got)
		}
	}
}

func ExampleMaxPayload() {
	const ethernet = 1500
	fmt.Println(ch05.MaxPayload(ethernet, netip.MustParseAddr("192.0.2.1")))
	fmt.Println(ch05.MaxPayload(ethernet, netip.MustParseAddr("2001:db8::1")))
	// Output:
	// 1472
	// 1452
}
