package ch06_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// Get does not wait for a repeated last block, but for a moment afterwards each one gets an
// ACK, RFC 1350 section 6; Wait waits for that.
func TestClientWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		server := network.MustListen(t, "192.0.2.1:69")
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
