package ch06_test

import (
	"context"
	"errors"
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
				server := network.MustListen(t, "192.0.2.1:69")
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
