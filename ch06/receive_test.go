package ch06_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// What the server sends, and when the client acknowledges what, with windows of four blocks
// and a round trip of 2 ms. Block 9 is the last.
func TestReceive(t *testing.T) {
	type step struct{ wait, send, want string } // want: the ACKs with the time since the send
	start := []step{{"", "OACK", "0 after 1ms"}, {"2ms", "1 2 3 4", "4 after 1ms"}}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{"2ms", "5 6 7 8", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
		// A gap is reported a quarter of the round trip after it was noticed, once.
		{"a gap", []step{{"2ms", "5 7 8", "5 after 1.5ms"}, {"", "6 7 8 9", "9 after 1ms"}}},
		{"a gap with the rest known", []step{{"2ms", "5 7 8", "5 after 1.5ms"}, {"", "6", ""}, {"", "9", "9 after 1ms"}}},
		// A block that is late by less is not reported at all.
		{"out of order", []step{{"2ms", "5 7 8", ""}, {"400us", "6", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
		{"backwards", []step{{"2ms", "8 7 6 5", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
		{"a gap whose block was late", []step{{"2ms", "5 7 8", "5 after 1.5ms"}, {"", "6 6", ""}, {"", "9", "9 after 1ms"}}},
		{"two gaps", []step{{"2ms", "6 8", "4 after 1.5ms"}, {"", "5 6 7 8", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
		{"two late blocks", []step{{"2ms", "6 8", ""}, {"200us", "5", ""}, {"200us", "7", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
		{"twice", []step{{"2ms", "5 5 6 6 7 7 8 8", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
		{"beyond the window", []step{{"2ms", "5 6 7 99 8", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
		// The rest of a window, or an ACK, is lost: the timer of the client expires.
		{"a tail", []step{{"2ms", "5 6", "6 after 23.5ms, 6 after 68.4ms"}, {"", "7 8 9", "9 after 1ms"}}},
		{"a repeated window", []step{{"2ms", "5 6 7 8", "8 after 1ms"}, {"5ms", "5 6 7 8", "8 after 1ms"}, {"2ms", "9", "9 after 1ms"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: time.Millisecond}
				server := network.MustListen(t, "192.0.2.1:69")
				var got bytes.Buffer
				ended := make(chan error, 1)
				client := &ch06.Client{BlockSize: 8, WindowSize: 4, ListenPacket: network.ListenPacket}
				go func() {
					_, err := client.Get(t.Context(), "192.0.2.1", "f", &got)
					ended <- err
				}()
				_, from := server.Receive()
				for _, s := range append(start, tt.steps...) {
					if s.wait != "" {
						wait, err := time.ParseDuration(s.wait)
						if err != nil {
							t.Fatal(err)
						}
						time.Sleep(wait)
					}
					sent := time.Now()
					for _, block := range strings.Fields(s.send) {
						server.Send(from, receivePacket(block))
					}
					var acks []string
					for range strings.Count(s.want, "after") {
						packet, _ := server.Receive()
						acks = append(acks, fmt.Sprintf("%d after %v", packet[3], (time.Since(sent)-time.Millisecond).Round(100*time.Microsecond)))
					}
					synctest.Wait()
					t.Logf("%-16s ->  ACK %s", s.send, strings.Join(acks, ", "))
					if got := strings.Join(acks, ", "); got != s.want || server.Pending() > 0 {
						t.Errorf("%s was acknowledged by %q and %d more, want %q", s.send, got, server.Pending(), s.want)
					}
				}
				if err := <-ended; err != nil || got.String() != strings.Repeat("12345678", 8)+"end" {
					t.Errorf("Get = %q, %v", &got, err)
				}
				client.Wait()
			})
		})
	}
}

// receivePacket returns a block of the file by its number, or the OACK.
func receivePacket(name string) string {
	var block int
	switch fmt.Sscan(name, &block); block {
	case 0:
		return "\x00\x06blksize\x008\x00windowsize\x004\x00"
	case 9:
		return "\x00\x03\x00\x09end"
	}
	return "\x00\x03\x00" + string(rune(block)) + "12345678"
}

// A lost last ACK is repeated while the client lingers, RFC 1350 section 6; Get does not
// wait for that.
func TestReceiveLingers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		after   time.Duration
		packet  string
		respond bool
	}{
		{"at once", 0, receivePacket("1"), true},
		{"as our server does", 42 * time.Millisecond, receivePacket("1"), true},
		{"late", 70 * time.Millisecond, receivePacket("1"), false},
		{"another block", 0, receivePacket("2"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{Delay: time.Millisecond}
				server := network.MustListen(t, "192.0.2.1:69")
				client := &ch06.Client{BlockSize: 512, WindowSize: 1, ListenPacket: network.ListenPacket}
				ended := make(chan time.Time, 1)
				go func() {
					client.Get(t.Context(), "192.0.2.1", "f", new(bytes.Buffer)) // checked below
					ended <- time.Now()
				}()
				_, from := server.Receive()
				start := time.Now()
				server.Send(from, receivePacket("1")) // a short one: the only one
				if ack, _ := server.Receive(); ack != "\x00\x04\x00\x01" {
					t.Fatalf("the last block was acknowledged by %q", ack)
				}
				if got := (<-ended).Sub(start); got != time.Millisecond {
					t.Errorf("Get returned after %v, want 1ms", got)
				}
				time.Sleep(tt.after)
				server.Send(from, tt.packet)
				time.Sleep(3 * time.Millisecond)
				if got := server.Pending() == 1; got != tt.respond {
					t.Errorf("response = %v, want %v", got, tt.respond)
				}
				client.Wait()
				if n := network.Open(); n != 1 {
					t.Errorf("%d sockets are open, want the server's", n)
				}
			})
		})
	}
}

// Get times out after half a minute if the server never responds. The request is retransmitted
// after 1, 3, 7, 15 and 23 s.
func TestReceiveSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{}
		server := network.MustListen(t, "192.0.2.1:69")
		start := time.Now()
		client := &ch06.Client{ListenPacket: network.ListenPacket}
		_, err := client.Get(context.Background(), "192.0.2.1:69", "f", new(bytes.Buffer))
		if got := time.Since(start); got != 30*time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Get error = %v after %v, want os.ErrDeadlineExceeded after 30s", err, got)
		}
		if netErr, ok := errors.AsType[net.Error](err); !ok || !netErr.Timeout() {
			t.Errorf("Get error = %v, want a net.Error by timeout", err)
		}
		if got := server.Pending(); got != 6 {
			t.Errorf("%d requests came, want 6", got)
		}
		client.Wait()
	})
}
