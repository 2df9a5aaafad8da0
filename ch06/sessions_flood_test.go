package ch06_test

import (
	"bytes"
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

// Forged requests, which nobody ever acknowledges, do not keep honest clients out: each is
// served within seconds. So it is if each forged request comes twice.
func TestForgedRequests(t *testing.T) {
	t.Parallel()
	const request = "\x00\x01f\x00octet\x00"
	for _, tt := range []struct {
		times, rate int // how often each comes, and how many there are in a second
		most        time.Duration
	}{{1, 200, 1100 * time.Millisecond}, {2, 30, 4 * time.Second}} {
		t.Run(fmt.Sprintf("each comes %d times", tt.times), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const size, rounds = 20_000, 5
				network := &packetnet.Network{Delay: time.Millisecond}
				log, to := floodServe(t, network, &ch06.Server{Payload: make([]byte, size), MaxTransfers: 100})
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
							forger.Send(to, request)
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
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: 25 * time.Millisecond}
		const clients, places = 250, 100
		payload := bytes.Repeat([]byte("0123456789abcdef"), 300)
		_, to := floodServe(t, network, &ch06.Server{Payload: payload, MaxTransfers: places})
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
		t.Logf("%d clients at %d places took %v", clients, places, time.Since(start))
	})
}

// floodServe runs server until the test ends, in a bubble, and returns its log, to be read after
// synctest.Wait, and its address.
func floodServe(t *testing.T, network *packetnet.Network, server *ch06.Server) (*bytes.Buffer, netip.AddrPort) {
	t.Helper()
	log := &bytes.Buffer{}
	server.Logger, server.ListenPacket = slog.New(slog.NewTextHandler(log, nil)), network.ListenPacket
	return log, network.Serve(t, server, ch06.ErrServerClosed)
}
