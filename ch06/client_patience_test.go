package ch06_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A silent server is asked again after 1, 2, 4, 8 and 8 seconds more, until half a minute
// has passed.
func TestClientGivesUp(t *testing.T) {
	for _, tt := range []struct {
		name   string
		client *ch06.Client
		want   string // when requests were sent, and when Get returned
	}{
		{"default", &ch06.Client{}, "[0s 1s 3s 7s 15s 23s] 30s"},
		{"patience", &ch06.Client{Patience: 5 * time.Second}, "[0s 1s 3s] 5s"},
		{"timeout", &ch06.Client{Timeout: 100 * time.Millisecond, Patience: time.Second}, "[0s 100ms 300ms 700ms] 1s"},
		{"timeout longer than the longest wait", &ch06.Client{Timeout: 12 * time.Second}, "[0s 12s 24s] 30s"},
		{"timeout longer than the patience", &ch06.Client{Timeout: time.Minute}, "[0s] 30s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{}
				tt.client.ListenPacket = network.ListenPacket
				start := time.Now()
				_, err := tt.client.Get(t.Context(), "192.0.2.1", "f", io.Discard)
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Get error = %v, want os.ErrDeadlineExceeded", err)
				}
				var asked []time.Duration
				for _, d := range network.Log() {
					asked = append(asked, d.Sent.Sub(start))
				}
				if got := fmt.Sprint(asked, time.Since(start)); got != tt.want {
					t.Errorf("asked at %s, want %s", got, tt.want)
				}
				t.Log(asked, err)
			})
		})
	}
}

// A server in a flood may forget a client between its OACK and the ACK, or say that it does
// not know the ACK. Once two seconds have passed without progress, or the timer expires after
// that ERROR, the client makes a new request.
func TestClientAsksAnew(t *testing.T) {
	t.Run("silence", func(t *testing.T) { patienceForget(t, "", 2*time.Second, 4*time.Second) })
	t.Run("ERROR 5", func(t *testing.T) {
		patienceForget(t, "\x00\x05\x00\x05who?\x00", 0, 2*time.Second)
	})
}

// patienceForget has a server forget its OACK, and respond to the ACK with response. The second
// request must come in time.
func patienceForget(t *testing.T, response string, least, most time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		server := network.MustListen(t, "192.0.2.1:69")
		ended := make(chan struct{})
		start := time.Now()
		go func() {
			defer close(ended)
			requests := 0
			for {
				packet, client := server.Receive()
				if !client.IsValid() {
					return // closed
				}
				t.Log(time.Since(start), ch06.Describe([]byte(packet)))
				if packet[1] != byte(ch06.OpRRQ) {
					if response != "" {
						server.Send(client, response)
					}
					continue // an ACK, about which the server knows nothing
				}
				if requests++; requests == 1 {
					server.Send(client, "\x00\x06tsize\x005\x00")
					continue
				}
				if got := time.Since(start); got < least || got > most {
					t.Errorf("the second request came after %v, want %v to %v", got, least, most)
				}
				tid, err := network.Listen("192.0.2.1:0")
				if err != nil {
					t.Error(err)
					return
				}
				defer tid.Close()
				tid.Send(client, "\x00\x03\x00\x01hello")
			}
		}()
		client := &ch06.Client{ListenPacket: network.ListenPacket}
		if n, err := client.Get(t.Context(), "192.0.2.1", "f", io.Discard); err != nil || n != 5 {
			t.Errorf("Get = %d, %v, want 5", n, err)
		}
		client.Wait()
		server.Close() // always nil
		<-ended
	})
}

// A server that responds to each packet without making progress keeps Get no longer than a
// silent one does.
func TestClientEndlessServers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, response string
		fresh          bool // each request gets its response from a port of its own
		most           int  // packets of the client
	}{
		{"OACK", "\x00\x06tsize\x001000\x00", false, 1600},
		{"OACK to each request", "\x00\x06tsize\x001000\x00", true, 10},
		{"DATA 1", "\x00\x03\x00\x01" + strings.Repeat("x", 512), false, 1600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: 10 * time.Millisecond}
				server := network.MustListen(t, "192.0.2.1:69")
				ended, packets := make(chan struct{}), 0
				go func() {
					defer close(ended)
					for {
						_, client := server.Receive()
						if !client.IsValid() {
							return // closed
						}
						packets++
						from := server
						if tt.fresh {
							var err error
							if from, err = network.Listen("192.0.2.1:0"); err != nil {
								t.Error(err)
								return
							}
							defer from.Close()
						}
						from.Send(client, tt.response)
					}
				}()
				start := time.Now()
				client := &ch06.Client{ListenPacket: network.ListenPacket}
				_, err := client.Get(t.Context(), "192.0.2.1", "f", io.Discard)
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Get error = %v, want os.ErrDeadlineExceeded", err)
				}
				if got := time.Since(start); got > 35*time.Second {
					t.Errorf("Get took %v, want at most 35s", got)
				}
				time.Sleep(time.Second) // fake
				server.Close()          // always nil
				<-ended
				t.Logf("%d packets in %v", packets, time.Since(start))
				if packets > tt.most {
					t.Errorf("the client sent %d packets, want at most %d", packets, tt.most)
				}
			})
		})
	}
}
