package ch06_test

import (
	"context"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// Both sides' traces see each packet that is sent and each that arrives.
func TestTrace(t *testing.T) { synctest.Test(t, traceBoth) }

func traceBoth(t *testing.T) {
	network := &packetnet.Network{}
	var client, server []string
	traceFetch(t.Context(), network, 3*8, &ch06.Client{BlockSize: 8, WindowSize: 2, Trace: traceTo(&client)}, &ch06.Server{Trace: traceTo(&server)})
	want := []string{
		`-> RRQ "file" octet tsize=0 blksize=8 windowsize=2`, "<- OACK tsize=24 blksize=8 windowsize=2", "-> ACK 0",
		"<- DATA 1 (8 bytes)", "<- DATA 2 (8 bytes)", "-> ACK 2", "<- DATA 3 (8 bytes)", "<- DATA 4 (0 bytes)", "-> ACK 4",
	}
	if got := strings.Join(client, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the client's trace is\n%s, want\n%s", got, strings.Join(want, "\n"))
	}
	swap := strings.NewReplacer("->", "<-", "<-", "->")
	if got := swap.Replace(strings.Join(server, "\n")); got != strings.Join(want, "\n") {
		t.Errorf("the server's trace, its arrows turned, is\n%s, want\n%s", got, strings.Join(want, "\n"))
	}

	server = nil
	conn := network.MustListen(t, "192.0.2.1:69")
	asks := network.MustListen(t, "192.0.2.2:2000")
	refuses := &ch06.Server{Payload: []byte("x"), Trace: traceTo(&server)}
	served := make(chan error, 1)
	go func() { served <- refuses.Serve(conn) }()
	asks.Send(conn.AddrPort(), "\x00\x02f\x00octet\x00")
	asks.Receive()
	refuses.Close() // always nil
	<-served
	if got := strings.Join(server, "\n"); got != "<- WRQ \"f\" octet\n-> ERROR 4 \"this server is read-only\"" {
		t.Errorf("the trace of a refusal is\n%s", got)
	}
}

// traceLost is what a client sends and receives if the network loses block 7, with windows
// of four blocks. The client notices the gap when block 8 comes, and acknowledges block 6
// after a quarter of a round trip; the server sends a window from block 7 on, RFC 7440
// section 4.
const traceLost = `-> RRQ "file" octet tsize=0 blksize=1000 windowsize=4
<- OACK tsize=9500 blksize=1000 windowsize=4
-> ACK 0
<- DATA 1 (1000 bytes)
<- DATA 2 (1000 bytes)
<- DATA 3 (1000 bytes)
<- DATA 4 (1000 bytes)
-> ACK 4
<- DATA 5 (1000 bytes)
<- DATA 6 (1000 bytes)
<- DATA 8 (1000 bytes)
-> ACK 6
<- DATA 7 (1000 bytes)
<- DATA 8 (1000 bytes)
<- DATA 9 (1000 bytes)
<- DATA 10 (500 bytes)
-> ACK 10`

func TestTraceLostBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, lost := &packetnet.Network{Delay: time.Millisecond}, false
		network.Fault = func(d packetnet.Datagram) (copies int, late time.Duration) {
			if !lost && ch06.Describe(d.Payload) == "DATA 7 (1000 bytes)" {
				lost = true
				return 0, 0
			}
			return 1, 0
		}
		var lines []string
		client := &ch06.Client{BlockSize: 1000, WindowSize: 4, Trace: traceTo(&lines)}
		if n, err := traceFetch(t.Context(), network, 9500, client, &ch06.Server{}); err != nil || n != 9500 {
			t.Errorf("Get = %d, %v, want 9500", n, err)
		}
		if got := strings.Join(lines, "\n"); got != traceLost {
			t.Errorf("the trace is\n%s\n, want\n%s", got, traceLost)
		}
	})
}

// traceTo returns a TraceFunc that appends to lines. Its calls must not overlap.
func traceTo(lines *[]string) ch06.TraceFunc {
	return func(sent bool, _ netip.AddrPort, packet []byte) {
		arrow := "<-"
		if sent {
			arrow = "->"
		}
		*lines = append(*lines, arrow+" "+ch06.Describe(packet))
	}
}

// traceFetch has client fetch a file of size bytes from server.
func traceFetch(ctx context.Context, network *packetnet.Network, size int, client *ch06.Client, server *ch06.Server) (int64, error) {
	conn, err := network.Listen("192.0.2.1:69")
	if err != nil {
		return 0, err
	}
	server.Payload, server.ListenPacket, client.ListenPacket = make([]byte, size), network.ListenPacket, network.ListenPacket
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	n, err := client.Get(ctx, "192.0.2.1", "file", io.Discard)
	server.Shutdown(ctx) // once the last ACK has arrived
	<-served
	client.Wait()
	return n, err
}
