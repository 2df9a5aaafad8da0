package ch06_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
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
					client := sessionsLimitClient(t, network, fmt.Sprintf("192.0.2.1%d:2000", i))
					client.Send(to, sessionsLimitRequest)
					_, tid := client.Receive()
					if ack {
						client.Send(tid, "\x00\x04\x00\x01")
					}
				}
				late := sessionsLimitClient(t, network, "192.0.2.99:2000")
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
			client := sessionsLimitClient(t, network, fmt.Sprintf("192.0.2.2:%d", 2000+i))
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

// Forged requests, which nobody ever acknowledges, do not keep honest clients out: each is
// served within seconds. So it is if each forged request comes twice.
func TestForgedRequests(t *testing.T) {
	for _, tt := range []struct {
		times, rate int // how often each comes, and how many there are in a second
		most        time.Duration
	}{{1, 200, 1100 * time.Millisecond}, {2, 30, 4 * time.Second}} {
		t.Run(fmt.Sprintf("each comes %d times", tt.times), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size, rounds = 20_000, 5
				network := &packetnet.Network{Delay: time.Millisecond}
				log, to := sessionsLimitServe(t, network, &ch06.Server{Payload: make([]byte, size), MaxTransfers: 100})
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					for i := 0; ; i++ {
						forger, err := network.Listen(fmt.Sprintf("192.0.2.66:%d", 2000+i))
						if err != nil {
							t.Error(err)
							return
						}
						for range tt.times {
							forger.Send(to, sessionsLimitRequest)
						}
						forger.Close() // always nil; nobody is there
						select {
						case <-stop:
							return
						case <-time.After(time.Second / time.Duration(tt.rate)):
						}
					}
				}()
				time.Sleep(5 * time.Second) // fake: all places are taken
				client := &ch06.Client{ListenPacket: network.ListenPacket}
				for range rounds {
					start := time.Now()
					n, err := client.Get(t.Context(), to.String(), "f", io.Discard)
					if took := time.Since(start); err != nil || n != size || took > tt.most {
						t.Errorf("the honest client got %d bytes, %v, after %v, want %d within %v", n, err, took, size, tt.most)
					}
				}
				client.Wait()
				close(stop)
				<-stopped
				synctest.Wait()
				if got := strings.Contains(log.String(), "made room"); got != (tt.times > 1) {
					t.Errorf("forged transfers made room: %t, want %t", got, tt.times > 1)
				}
			})
		})
	}
}

// Clients that start at once, more than there is room for, over a line with a round trip of
// 50 ms: all get the file.
func TestManyClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: 25 * time.Millisecond}
		payload := bytes.Repeat([]byte("0123456789abcdef"), 300)
		_, to := sessionsLimitServe(t, network, &ch06.Server{Payload: payload, MaxTransfers: 200})
		const clients = 500
		start := time.Now()
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				var got bytes.Buffer
				client := &ch06.Client{WindowSize: 4, ListenPacket: network.ListenPacket}
				if _, err := client.Get(t.Context(), to.String(), "f", &got); err != nil || !bytes.Equal(got.Bytes(), payload) {
					t.Errorf("Get = %d bytes, %v, want %d", got.Len(), err, len(payload))
				}
				client.Wait()
			})
		}
		wg.Wait()
		t.Logf("%d clients at 200 places took %v", clients, time.Since(start))
	})
}

// sessionsLimitServe runs server until the test ends, in a bubble, and returns its log, to
// be read after synctest.Wait, and its address.
func sessionsLimitServe(t *testing.T, network *packetnet.Network, server *ch06.Server) (*bytes.Buffer, netip.AddrPort) {
	t.Helper()
	listener, err := network.Listen("192.0.2.1:69")
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	server.Logger, server.ListenPacket = slog.New(slog.NewTextHandler(log, nil)), network.ListenPacket
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close() // always nil; waits for every transfer
		if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
			t.Errorf("Serve error = %v, want ErrServerClosed", err)
		}
	})
	return log, listener.AddrPort()
}

func sessionsLimitClient(t *testing.T, network *packetnet.Network, addr string) *packetnet.Conn {
	t.Helper()
	client, err := network.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
