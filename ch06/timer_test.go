package ch06_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// The first retransmission comes a round trip and 40 ms after the block, whatever timeout
// the client asked for. Later ones come after pauses that double.
func TestTimerFollowsRoundTrips(t *testing.T) {
	for _, tt := range []struct {
		roundTrip, timeout string
		want               []time.Duration // from the last new block on
	}{
		{"2ms", "1", []time.Duration{42e6, 126e6, 294e6, 630e6}},
		{"2ms", "255", []time.Duration{42e6, 126e6, 294e6, 630e6}},
		{"100ms", "5", []time.Duration{140e6, 420e6, 980e6, 2100e6}},
		{"600ms", "1", []time.Duration{640e6, 1640e6, 2640e6, 3640e6}}, // the timeout is the longest wait
	} {
		t.Run("round trip "+tt.roundTrip+" timeout "+tt.timeout, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				roundTrip, err := time.ParseDuration(tt.roundTrip)
				if err != nil {
					t.Fatal(err)
				}
				network := &packetnet.Network{Delay: roundTrip / 2}
				client, to := timerServe(t, network, &ch06.Server{}, 100*512)
				client.Send(to, "\x00\x01f\x00octet\x00timeout\x00"+tt.timeout+"\x00")
				_, tid := client.Receive()
				for block := range 60 { // enough for the deviation to vanish
					client.Send(tid, "\x00\x04\x00"+string(rune(block)))
					client.Receive()
				}
				start := time.Now()
				for _, want := range tt.want {
					client.Receive()
					got := time.Since(start)
					t.Logf("retransmitted after %v", got)
					if got.Round(time.Millisecond) != want {
						t.Errorf("retransmitted after %v, want %v", got, want)
					}
				}
				client.Send(tid, "\x00\x05\x00\x00enough\x00")
			})
		})
	}
}

// A path whose round trip grows from 2 ms to 400 ms, as a phone's may, soon has no block
// sent twice, though no ACK says which copy it is about (Karn's rule).
func TestTimerAdapts(t *testing.T) {
	for _, window := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			const blocks, growth = 400, 100
			data := 0
			network := &packetnet.Network{Delay: time.Millisecond}
			network.Fault = func(d packetnet.Datagram) (copies int, late time.Duration) {
				if d.Payload[1] == byte(ch06.OpData) {
					data++
				}
				if data > growth {
					late = 199 * time.Millisecond
				}
				return 1, late
			}
			timerServe(t, network, &ch06.Server{}, (blocks-1)*512)
			client := &ch06.Client{BlockSize: 512, WindowSize: window, ListenPacket: network.ListenPacket}
			if _, err := client.Get(t.Context(), "192.0.2.1:69", "f", io.Discard); err != nil {
				t.Fatal(err)
			}
			client.Wait()
			t.Logf("window %d: %d DATA for %d blocks", window, data, blocks)
			if most := blocks + 25*window; data > most {
				t.Errorf("window %d: %d DATA for %d blocks, want at most %d", window, data, blocks, most)
			}
		})
	}
}

// If only the last ACK is missing the file was probably received: the log says so after 5 s.
func TestTimerLastACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		server := &ch06.Server{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		network := &packetnet.Network{Delay: time.Millisecond}
		client, to := timerServe(t, network, server, 512+5)
		client.Send(to, "\x00\x01f\x00octet\x00")
		_, tid := client.Receive()
		client.Send(tid, "\x00\x04\x00\x01")
		client.Receive() // block 2, the last
		start := time.Now()
		for network.Open() > 2 { // until the transfer's socket is closed
			time.Sleep(time.Millisecond)
		}
		if got := time.Since(start).Round(10 * time.Millisecond); got != 5*time.Second {
			t.Errorf("the transfer ended after %v, want 5s", got)
		}
		synctest.Wait() // the log is written
		if got := log.String(); !strings.Contains(got, "level=INFO") || !strings.Contains(got, `outcome="sent, but the last ACK is missing"`) {
			t.Errorf("the log is %s", got)
		}
	})
}

// A client that reported a gap in the last window lacks more than its last ACK: the transfer
// has the whole patience, and the log says that it failed.
func TestTimerLastGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		server := &ch06.Server{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		network := &packetnet.Network{Delay: time.Millisecond}
		client, to := timerServe(t, network, server, 9*8)
		client.Send(to, "\x00\x01f\x00octet\x00blksize\x008\x00windowsize\x008\x00")
		_, tid := client.Receive()
		for _, block := range []rune{0, 8, 9} { // of 10 blocks, the last window has 9 and 10
			client.Send(tid, "\x00\x04\x00"+string(block))
			time.Sleep(3 * time.Millisecond)
		}
		start := time.Now()
		for network.Open() > 2 { // until the transfer's socket is closed
			time.Sleep(10 * time.Millisecond)
		}
		if got := time.Since(start).Round(time.Second); got != 30*time.Second {
			t.Errorf("the transfer ended after %v, want 30s", got)
		}
		synctest.Wait() // the log is written
		if got := log.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "no acknowledgment") {
			t.Errorf("the log is %s", got)
		}
	})
}

// timerServe runs server with a file of size bytes until the test ends, in a bubble. It
// returns a client's conn and the server's address.
func timerServe(t *testing.T, network *packetnet.Network, server *ch06.Server, size int) (*packetnet.Conn, netip.AddrPort) {
	t.Helper()
	server.Payload, server.ListenPacket = make([]byte, size), network.ListenPacket
	return network.MustListen(t, "192.0.2.2:2000"), network.Serve(t, server, ch06.ErrServerClosed)
}
