package ch06_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

const sessionsLimitRequest = "\x00\x01f\x00octet\x00"

// TestTransferLimit has two clients take all places. A third gets no response until one
// can be ended without harm.
func TestTransferLimit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		acks    []bool          // whether the first and the second client acknowledge block 1
		asks    []time.Duration // when the third client asks
		want    int             // which of its requests gets a response; -1 none
		evicted string          // the client that made room
	}{
		{"young transfers stay", []bool{false, false}, []time.Duration{0, 1990e6}, -1, ""},
		{"the oldest without an ACK makes room after 2 s", []bool{false, false}, []time.Duration{0, 2000e6}, 1, "192.0.2.10:2000"},
		{"one that flows does not", []bool{true, false}, []time.Duration{0, 1990e6, 2001e6}, 2, "192.0.2.11:2000"},
		{"nor do two that flow", []bool{true, true}, []time.Duration{0, 1e9, 2e9, 3e9, 4e9, 5e9}, -1, ""},
		{"whose client is silent for 5 s makes room", []bool{true, true}, []time.Duration{0, 5050e6, 6100e6}, 2, "192.0.2.1"},
		{"which is not looked for all the time", []bool{true, true}, []time.Duration{0, 5050e6, 5500e6}, -1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: time.Millisecond}
				log, to := sessionsLimitServe(t, network, &ch06.Server{Payload: make([]byte, 2000), MaxTransfers: 2})
				for i, ack := range tt.acks {
					client := network.MustListen(t, fmt.Sprintf("192.0.2.1%d:2000", i))
					client.Send(to, sessionsLimitRequest)
					_, tid := client.Receive()
					if ack {
						client.Send(tid, "\x00\x04\x00\x01")
					}
				}
				late := network.MustListen(t, "192.0.2.99:2000")
				start, got := time.Now(), -1
				for i, ask := range tt.asks {
					time.Sleep(ask - time.Since(start)) // fake
					late.Send(to, sessionsLimitRequest)
					time.Sleep(2 * time.Millisecond)
					synctest.Wait()
					if late.Pending() > 0 && got < 0 {
						got = i
					}
				}
				if got != tt.want {
					t.Errorf("request %d got a response, want %d\n%s", got, tt.want, log)
				}
				evicted := ""
				for line := range strings.Lines(log.String()) {
					if strings.Contains(line, "made room") {
						evicted += line
					}
				}
				if !strings.Contains(evicted, tt.evicted) || tt.evicted == "" && evicted != "" || strings.Count(evicted, "\n") > 1 {
					t.Errorf("what made room was %q, want %q", evicted, tt.evicted)
				}
				if n := strings.Count(log.String(), `level=WARN msg="no room for more transfers: requests get no response" transfers=2`); n != 1 {
					t.Errorf("the log says %d times that there is no room, want once:\n%s", n, log)
				}
			})
		})
	}
}

// Beyond three quarters of the limit only a request that is repeated gets a response: a
// client retransmits its request, who forges some seldom does.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		log, to := sessionsLimitServe(t, network, &ch06.Server{Payload: make([]byte, 2000), MaxTransfers: 100})
		ask := func(i int) bool {
			client := network.MustListen(t, fmt.Sprintf("192.0.2.2:%d", 2000+i))
			defer client.Close()
			client.Send(to, sessionsLimitRequest)
			time.Sleep(2 * time.Millisecond) // fake
			synctest.Wait()
			return client.Pending() > 0
		}
		var got [4]int // which of two requests got a response, of the clients up to 75, 100 and beyond
		for i := range 110 {
			switch {
			case ask(i):
				got[0]++
			case ask(i):
				got[1]++
			case i < 100:
				got[2]++
			default:
				got[3]++
			}
		}
		if want := [4]int{75, 25, 0, 10}; got != want {
			t.Errorf("the first request got a response %d times, the second %d times, none %d and %d times; want %d", got[0], got[1], got[2], got[3], want)
		}
		time.Sleep(2 * time.Second) // fake
		if ask(120) || !ask(120) {
			t.Error("a client got no response to its second request once the oldest could make room")
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "made room"); n != 1 {
			t.Errorf("%d transfers made room for one, want 1:\n%s", n, log)
		}
		first := ask(130)
		time.Sleep(11 * time.Second) // fake: requests are noted in another filter now
		if other, second := ask(131), ask(130); first || other || !second {
			t.Errorf("response to a request %t, to that of another client 11 s later %t, to the first repeated %t, want only the last", first, other, second)
		}
	})
}

// sessionsLimitServe runs server until the test ends, in a bubble, and returns its log, to be read after
// synctest.Wait, and its address.
func sessionsLimitServe(t *testing.T, network *packetnet.Network, server *ch06.Server) (*bytes.Buffer, netip.AddrPort) {
	t.Helper()
	log := &bytes.Buffer{}
	server.Logger, server.ListenPacket = slog.New(slog.NewTextHandler(log, nil)), network.ListenPacket
	return log, network.Serve(t, server, ch06.ErrServerClosed)
}
