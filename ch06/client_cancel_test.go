package ch06_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	t.Run("silence", func(t *testing.T) { cancelForget(t, "", 2*time.Second, 4*time.Second) })
	t.Run("ERROR 5", func(t *testing.T) {
		cancelForget(t, "\x00\x05\x00\x05who?\x00", 0, 2*time.Second)
	})
}

// cancelForget has a server forget its OACK, and respond to the ACK with response. The second
// request must come in time.
func cancelForget(t *testing.T, response string, least, most time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		server := cancelListen(t, network, "192.0.2.1:69")
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

// Canceling ends a Get at once, with the cause.
func TestClientCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{}
		client := &ch06.Client{ListenPacket: network.ListenPacket}
		reason := errors.New("the user pressed stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		time.AfterFunc(2500*time.Millisecond, func() { cancel(reason) })
		_, err := client.Get(ctx, "192.0.2.1", "f", io.Discard)
		if !errors.Is(err, reason) || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("Get error = %v after %v, want the cause after 2.5s", err, time.Since(start))
		}
		if n := network.Open(); n != 0 {
			t.Errorf("%d sockets are open, want none", n)
		}
	})
}

// If ctx has ended before, nothing is sent and its cause is returned, even if a name had to
// be looked up.
func TestClientCanceledBefore(t *testing.T) {
	reason := errors.New("no longer needed")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	client := &ch06.Client{ListenPacket: func(string, string) (net.PacketConn, error) {
		t.Error("a socket was opened")
		return nil, errors.ErrUnsupported
	}}
	for _, addr := range []string{"127.0.0.1:69", "localhost:69", "localhost"} {
		if _, err := client.Get(ctx, addr, "f", io.Discard); !errors.Is(err, reason) {
			t.Errorf("Get from %s: error = %v, want the cause", addr, err)
		}
	}
}

// The server is told when a Get is canceled in the middle of the file, and when the
// rest of the file does not come.
func TestClientTellsTheServer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cancel bool
		want   string
		after  time.Duration
	}{
		{"canceled", true, `ERROR 0 "the client has ended the transfer"`, 0},
		{"silence", false, `ERROR 0 "no data came"`, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{}
				server := cancelListen(t, network, "192.0.2.1:69")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error)
				go func() {
					_, err := (&ch06.Client{ListenPacket: network.ListenPacket}).Get(ctx, "192.0.2.1", "f", io.Discard)
					ended <- err
				}()
				_, client := server.Receive()
				server.Send(client, "\x00\x03\x00\x01"+strings.Repeat("x", 512))
				server.Receive() // ACK 1
				start := time.Now()
				if tt.cancel {
					cancel()
				}
				if err := <-ended; errors.Is(err, context.Canceled) != tt.cancel || errors.Is(err, os.ErrDeadlineExceeded) == tt.cancel {
					t.Errorf("Get error = %v, canceled: %t", err, tt.cancel)
				}
				if got := time.Since(start); got != tt.after {
					t.Errorf("Get returned after %v, want %v", got, tt.after)
				}
				var last string
				for server.Pending() > 0 {
					last, _ = server.Receive()
				}
				if got := ch06.Describe([]byte(last)); got != tt.want {
					t.Errorf("the last packet was %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// A server that responds to each packet without making progress keeps Get no longer than a
// silent one does.
func TestClientEndlessServers(t *testing.T) {
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
				server := cancelListen(t, network, "192.0.2.1:69")
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

// Get does not wait for a repeated last block, but for a moment afterwards each one gets an
// ACK, RFC 1350 section 6; Wait waits for that.
func TestClientWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		server := cancelListen(t, network, "192.0.2.1:69")
		client := &ch06.Client{ListenPacket: network.ListenPacket}
		got := make(chan time.Duration)
		start := time.Now()
		go func() {
			var out bytes.Buffer
			if _, err := client.Get(t.Context(), "192.0.2.1", "f", &out); err != nil || out.String() != "hello" {
				t.Errorf("Get = %q, %v, want hello", &out, err)
			}
			got <- time.Since(start)
			client.Wait()
			got <- time.Since(start)
		}()
		_, from := server.Receive()
		server.Send(from, "\x00\x03\x00\x01hello")
		if got := <-got; got != 2*time.Millisecond {
			t.Errorf("Get took %v, want a round trip, 2ms", got)
		}
		server.Receive() // ACK 1
		for range 2 {
			time.Sleep(20 * time.Millisecond) // fake
			server.Send(from, "\x00\x03\x00\x01hello")
			time.Sleep(2 * time.Millisecond)
			if packet, _ := server.Receive(); packet != "\x00\x04\x00\x01" {
				t.Errorf("the repeated block got %q, want ACK 1", packet)
			}
		}
		if n := network.Open(); n != 2 {
			t.Errorf("%d sockets are open, want the client's and the server's", n)
		}
		// Get took 2 ms, and two round trips and 60 ms pass.
		if got := <-got; got != 66*time.Millisecond {
			t.Errorf("Wait returned after %v, want 66ms", got)
		}
		if n := network.Open(); n != 1 {
			t.Errorf("%d sockets are open, want the server's", n)
		}
	})
}

func cancelListen(t *testing.T, network *packetnet.Network, addr string) *packetnet.Conn {
	t.Helper()
	conn, err := network.Listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
