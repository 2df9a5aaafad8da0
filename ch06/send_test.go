package ch06_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A client that never responds gets block 1 again after pauses of 1, 2, 4, 8 and 8 seconds,
// as RFC 1123 section 4.2.3.2 wants the pauses to grow, until half a minute has passed. If
// it asks for a timeout, that is the pause, and the patience is at least six of them, up to
// two minutes. No pause is longer than a third of the patience.
func TestRetransmit(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		server        *ch06.Server
		want          []time.Duration // in seconds
		end           time.Duration
	}{
		{"default", "", &ch06.Server{}, []time.Duration{0, 1, 3, 7, 15, 23}, 30},
		{"a shorter patience", "", &ch06.Server{Patience: 5 * time.Second}, []time.Duration{0, 1, 3}, 5},
		{"a longer timeout", "", &ch06.Server{Timeout: 10 * time.Second}, []time.Duration{0, 10, 20}, 30},
		{"timeout 1 s by the client", "timeout\x001\x00", &ch06.Server{Patience: 4 * time.Second}, []time.Duration{0, 1, 2, 3, 4, 5}, 6},
		{"timeout 6 s by the client", "timeout\x006\x00", &ch06.Server{}, []time.Duration{0, 6, 12, 18, 24, 30}, 36},
		{"timeout 255 s by the client", "timeout\x00255\x00", &ch06.Server{}, []time.Duration{0, 40}, 120},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, to := sendServe(t, &packetnet.Network{}, tt.server, 5)
				client.Send(to, "\x00\x01f\x00octet\x00"+tt.options)
				start := time.Now()
				for _, want := range tt.want {
					packet, _ := client.Receive()
					t.Logf("%6v  %s", time.Since(start), ch06.Describe([]byte(packet)))
					if got := time.Since(start); got != want*time.Second {
						t.Errorf("%s came after %v, want %v", ch06.Describe([]byte(packet)), got, want*time.Second)
					}
				}
				packet, _ := client.Receive()
				if got := time.Since(start); got != tt.end*time.Second || ch06.Describe([]byte(packet)) != `ERROR 0 "no acknowledgment came"` {
					t.Errorf("%s came after %v, want an ERROR after %v", ch06.Describe([]byte(packet)), got, tt.end*time.Second)
				}
			})
		})
	}
}

// What a client sends, and what the server sends next, over a network with a round trip of
// 2 ms. ACKs in one step come 0.1 ms apart.
func TestSend(t *testing.T) {
	type step struct{ send, want string }
	const window4 = "blksize\x008\x00windowsize\x004\x00"
	for _, tt := range []struct {
		name, options string
		size          int
		steps         []step
	}{
		{"lock-step", "", 3 * 512, []step{{"ACK 1", "2"}, {"ACK 2", "3"}, {"ACK 3", "4"}, {"ACK 4", ""}}},
		{"lock-step, each ACK twice", "", 3 * 512, []step{
			{"ACK 1, ACK 1", "2"}, {"ACK 2, ACK 2", "3"}, {"ACK 3, ACK 3", "4"}, {"ACK 4", ""},
		}},
		{"lock-step, an ACK repeated after a while asks for the block", "", 3 * 512, []step{
			{"ACK 1", "2"}, {"15ms, ACK 1", "2"}, {"ACK 2", "3"},
		}},
		{"lock-step, padded, early, old and short ACKs", "", 3 * 512, []step{
			{"padded ACK 1", "2"}, {"ACK 9", ""}, {"ACK 0", ""}, {"short ACK 2", ""}, {"ACK 2", "3"},
		}},
		{"windows", window4, 13 * 8, []step{
			{"ACK 0", "1 2 3 4"}, {"ACK 4", "5 6 7 8"}, {"ACK 8", "9 10 11 12"}, {"ACK 12", "13 14"}, {"ACK 14", ""},
		}},
		{"windows, each ACK twice", window4, 100 * 8, []step{
			{"ACK 0, ACK 0", "1 2 3 4"}, {"ACK 4, ACK 4", "5 6 7 8"}, {"ACK 8, ACK 8", "9 10 11 12"},
		}},
		{"windows, a gap", window4, 100 * 8, []step{{"ACK 0", "1 2 3 4"}, {"ACK 2", "3 4 5 6"}, {"ACK 6", "7 8 9 10"}}},
		{"an ACK of what was not sent", window4, 100 * 8, []step{
			{"ACK 65535, ACK 1, ACK 9", ""}, {"ACK 0", "1 2 3 4"}, {"ACK 5, ACK 65535", ""}, {"ACK 4", "5 6 7 8"},
		}},
		{"windows, the first block is lost", window4, 100 * 8, []step{
			{"ACK 0", "1 2 3 4"}, {"ACK 4", "5 6 7 8"}, {"ACK 4", "5 6 7 8"},
			{"ACK 4", ""},                          // too soon to ask again: the timer will expire
			{"ACK 8", "9 10 11 12"}, {"ACK 8", ""}, // a duplicate of 5 to 8, which were sent twice, may cause it
			{"ACK 12", "13 14 15 16"}, {"ACK 12", "13 14 15 16"}, // that round trip was clear
		}},
		{"windows of 2, the first block is lost", "blksize\x008\x00windowsize\x002\x00", 100 * 8, []step{
			{"ACK 0", "1 2"}, {"ACK 2", "3 4"}, {"ACK 2", "3 4"},
		}},
		{"windows, two ACKs make one window", window4, 100 * 8, []step{
			{"ACK 0", "1 2 3 4"}, {"ACK 2, ACK 4", "3 4 5 6 7 8"}, {"ACK 8", "9 10 11 12"},
		}},
		{"windows, a newer ACK asks for less", window4, 100 * 8, []step{{"ACK 0", "1 2 3 4"}, {"ACK 2+ACK 4", "5 6 7 8"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const delay = time.Millisecond
				client, to := sendServe(t, &packetnet.Network{Delay: delay}, &ch06.Server{}, tt.size)
				client.Send(to, "\x00\x01f\x00octet\x00"+tt.options)
				_, tid := client.Receive()
				for _, s := range tt.steps {
					for _, send := range strings.Split(s.send, ", ") {
						time.Sleep(100 * time.Microsecond)
						if wait, err := time.ParseDuration(send); err == nil {
							time.Sleep(wait)
							continue
						}
						for ack := range strings.SplitSeq(send, "+") { // at the same time
							client.Send(tid, sendAck(t, ack))
						}
					}
					time.Sleep(2*delay + 10*time.Microsecond) // fake, and less than any timer
					var got []string
					for client.Pending() > 0 {
						packet, _ := client.Receive()
						got = append(got, fmt.Sprint(packet[3]))
					}
					t.Logf("%-14s  ->  DATA %s", s.send, strings.Join(got, " "))
					if got := strings.Join(got, " "); got != s.want {
						t.Errorf("after %s came DATA %q, want %q", s.send, got, s.want)
					}
				}
				client.Send(tid, "\x00\x05\x00\x00enough\x00")
			})
		})
	}
}

// sendAck returns the packet that is described, as "ACK 3" or "padded ACK 3".
func sendAck(t *testing.T, description string) string {
	t.Helper()
	kind, number, _ := strings.Cut(description, "ACK ")
	block, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	packet := "\x00\x04\x00" + string(rune(block))
	switch kind {
	case "padded ":
		return packet + strings.Repeat("\x00", 25)
	case "short ":
		return packet[:3]
	}
	return packet
}

// An unknown sender gets ERROR 5, RFC 1350 section 4, and the transfer continues.
func TestUnknownSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{}
		client, to := sendServe(t, network, &ch06.Server{}, 5)
		unknown := network.MustListen(t, "192.0.2.9:9")
		client.Send(to, "\x00\x01f\x00octet\x00")
		_, tid := client.Receive()
		unknown.Send(tid, "\x00\x04\x00\x01")
		if got, from := unknown.Receive(); !strings.HasPrefix(got, "\x00\x05\x00\x05") || from != tid {
			t.Errorf("the unknown sender got %q from %v, want ERROR 5 from %v", got, from, tid)
		}
		unknown.Send(tid, "\x00\x05\x00\x00stop\x00") // an ERROR gets no response
		client.Send(tid, "\x00\x04\x00\x01")
		time.Sleep(time.Minute)
		if n := client.Pending() + unknown.Pending(); n != 0 || network.Open() != 3 {
			t.Errorf("%d more datagrams and %d sockets, want none and 3", n, network.Open())
		}
	})
}

// sendServe runs server with a file of size bytes until the test ends, in a bubble. It
// returns a client's conn and the server's address.
func sendServe(t *testing.T, network *packetnet.Network, server *ch06.Server, size int) (*packetnet.Conn, netip.AddrPort) {
	t.Helper()
	server.Payload, server.ListenPacket = make([]byte, size), network.ListenPacket
	return network.MustListen(t, "192.0.2.2:2000"), network.Serve(t, server, ch06.ErrServerClosed)
}
