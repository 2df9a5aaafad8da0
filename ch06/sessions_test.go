package ch06_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// TestRequestAgain has a client make a request, send more packets, and make another
// request, over a network with a round trip of 2 ms. The second request is a duplicate, or
// it starts a transfer at once.
func TestRequestAgain(t *testing.T) {
	const (
		f      = "\x00\x01f\x00octet\x00"
		ack1   = "\x00\x04\x00\x01"
		ack2   = "\x00\x04\x00\x02"
		refuse = "\x00\x05\x00\x00\x00"

		retransmitted = "block 1 is retransmitted at once"
	)
	for _, tt := range []struct {
		name   string
		size   int      // of the file; block 2 is the last of 600 bytes
		sends  []string // after the first block; a request starts with f, others go to the transfer, and times are waits
		starts bool
		log    string // the outcome of the first transfer, once the second has started, or retransmitted
	}{
		{"twice at once", 600, []string{f}, false, ""},
		{"twice within the second that the first ACK may take", 600, []string{"990ms", f}, false, retransmitted},
		{"twice within a moment", 600, []string{"90ms", f}, false, ""},
		{"twice after a second of silence", 600, []string{"1200ms", f}, false, retransmitted},
		{"while blocks flow", 2000, []string{ack1, "3ms", f}, false, ""},
		{"while blocks flow, and later than the retransmission", 2000, []string{ack1, "82ms", f}, false, ""},
		{"when the client was silent for long", 2000, []string{ack1, "90ms", f}, true, ""}, // the first ACK of the second ends the first
		{"right after the last ACK", 600, []string{ack1, "2ms", ack2, f}, true, "done"},
		{"overtaken by the last ACK", 600, []string{ack1, "2ms", f, ack2}, true, "done"},
		{"before the last ACK", 600, []string{ack1, "2ms", f, "100us", ack2}, false, ""},
		{"after the last ACK", 600, []string{ack1, "2ms", ack2, "10s", f}, true, "done"},
		{"right after an ERROR", 2000, []string{refuse, f}, true, "ended by the client: ERROR 0: not defined"},
		{"after a later block's ERROR", 2000, []string{ack1, "2ms", refuse, f}, true, "ended by the client: ERROR 0: not defined"},
		{"another file at once", 2000, []string{"\x00\x01g\x00octet\x00"}, true, "the client has made another request"},
		{"other options at once", 2000, []string{f + "windowsize\x002\x00"}, true, "the client has made another request"},
		{"another file while blocks flow", 2000, []string{ack1, "2ms", "\x00\x01g\x00octet\x00"}, true, "the client has made another request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: time.Millisecond}
				server := &ch06.Server{Payload: make([]byte, tt.size)}
				log, to := sessionsServe(t, network, server)
				client := network.MustListen(t, "192.0.2.2:2000")
				client.Send(to, f)
				_, first := client.Receive()
				for _, send := range tt.sends {
					if wait, err := time.ParseDuration(send); err == nil {
						time.Sleep(wait)
					} else if strings.HasPrefix(send, "\x00\x01") {
						client.Send(to, send)
					} else {
						client.Send(first, send)
					}
				}
				started := time.Now()
				for client.Pending() > 0 {
					client.Receive()
				}
				time.Sleep(2*time.Millisecond + time.Microsecond) // fake: a round trip
				starts, retransmits := false, false
				for client.Pending() > 0 {
					packet, from := client.Receive()
					starts, retransmits = starts || from != first, retransmits || from == first
					t.Logf("%s after %v", ch06.Describe([]byte(packet)), time.Since(started))
				}
				if want := tt.log == retransmitted; retransmits != want {
					t.Errorf("retransmitted: %t, want %t", retransmits, want)
				}
				if starts != tt.starts {
					t.Errorf("started a transfer: %t, want %t", starts, tt.starts)
				}
				synctest.Wait() // the log is written
				if got := log.String(); tt.log != "" && tt.log != retransmitted && (strings.Count(got, "msg=transfer") != 1 || !strings.Contains(got, tt.log)) {
					t.Errorf("the log is %s, want %q", got, tt.log)
				}
			})
		})
	}
}

// A client that is not heard for a moment repeats its request. If it then goes on with the
// first transfer, that one lives, and the second ends with the ERROR that it gets. If it was
// restarted, its first ACK of the second transfer ends the first one.
func TestRequestBesideTransfer(t *testing.T) {
	for _, goesOn := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			network := &packetnet.Network{Delay: time.Millisecond}
			server := &ch06.Server{Payload: make([]byte, 2000)}
			log, to := sessionsServe(t, network, server)
			client := network.MustListen(t, "192.0.2.2:2000")
			client.Send(to, "\x00\x01f\x00octet\x00")
			_, first := client.Receive()
			client.Send(first, "\x00\x04\x00\x01")
			time.Sleep(200 * time.Millisecond)
			for client.Pending() > 0 {
				client.Receive() // block 2, again and again
			}
			client.Send(to, "\x00\x01f\x00octet\x00")
			_, second := client.Receive()
			if second == first {
				t.Fatalf("the response to the second request came from %v, the first transfer", second)
			}
			time.Sleep(time.Second) // the first transfer retransmits nothing meanwhile
			for client.Pending() > 0 {
				if _, from := client.Receive(); from == first {
					t.Errorf("the first transfer retransmitted")
				}
			}
			tid, last := second, 4
			if goesOn {
				client.Send(second, "\x00\x05\x00\x05unknown\x00")
				tid = first
			}
			for block := 1; block <= last; block++ {
				client.Send(tid, "\x00\x04\x00"+string(rune(block)))
				time.Sleep(3 * time.Millisecond)
			}
			synctest.Wait()
			other := "the client has made another request"
			if goesOn {
				other = "ended by the client"
			}
			if got := log.String(); strings.Count(got, "outcome=done") != 1 || strings.Count(got, other) != 1 {
				t.Errorf("goes on %t: the log is %s", goesOn, got)
			}
		})
	}
}

// Five equal requests at once, as a nervous client sends them, make one transfer.
func TestRepeatedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		server := &ch06.Server{Payload: []byte("hello")}
		log, to := sessionsServe(t, network, server)
		client := network.MustListen(t, "192.0.2.2:2000")
		for range 5 {
			client.Send(to, "\x00\x01f\x00octet\x00")
		}
		_, tid := client.Receive()
		client.Send(tid, "\x00\x04\x00\x01")
		time.Sleep(time.Minute) // fake
		synctest.Wait()         // the log is written
		if got := log.String(); strings.Count(got, "outcome=done") != 1 || strings.Count(got, "\n") != 1 || client.Pending() != 0 {
			t.Errorf("5 equal requests, %d more packets, want 1 transfer:\n%s", client.Pending(), got)
		}
	})
}

// One port for all files, as tftp-hpa and boot ROMs have it: each request is served at
// once, though the last ACK of the file before is overtaken by it.
func TestOnePortForAllFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		log, to := sessionsServe(t, network, &ch06.Server{Payload: []byte("hello")})
		client := network.MustListen(t, "192.0.2.2:2000")
		start := time.Now()
		for range 20 {
			client.Send(to, "\x00\x01f\x00octet\x00")
			packet, tid := client.Receive()
			if packet != "\x00\x03\x00\x01hello" {
				t.Fatalf("got %q, want block 1", packet)
			}
			client.Send(tid, "\x00\x04\x00\x01")
		}
		if got := time.Since(start).Round(time.Millisecond); got != 40*time.Millisecond {
			t.Errorf("20 files took %v, want 20 round trips, 40ms", got)
		}
		time.Sleep(time.Minute) // fake
		synctest.Wait()         // the log is written
		if got := log.String(); strings.Count(got, "outcome=done") != 20 {
			t.Errorf("want 20 transfers that are done:\n%s", got)
		}
	})
}

// sessionsServe runs server until the test ends, in a bubble, and returns its log, to be read after
// synctest.Wait, and its address.
func sessionsServe(t *testing.T, network *packetnet.Network, server *ch06.Server) (*bytes.Buffer, netip.AddrPort) {
	t.Helper()
	log := &bytes.Buffer{}
	server.Logger, server.ListenPacket = slog.New(slog.NewTextHandler(log, nil)), network.ListenPacket
	return log, network.Serve(t, server, ch06.ErrServerClosed)
}
