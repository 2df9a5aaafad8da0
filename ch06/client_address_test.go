package ch06_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A client without a port number asks at port 69; a name is looked up.
func TestClientAddresses(t *testing.T) {
	for _, tt := range []struct{ addr, want string }{
		{"192.0.2.1:1069", "192.0.2.1:1069"}, {"192.0.2.1", "192.0.2.1:69"},
		{"::ffff:192.0.2.1", "192.0.2.1:69"}, {"[2001:db8::1]", "[2001:db8::1]:69"}, {"2001:db8::1", "[2001:db8::1]:69"},
		{"[2001:db8::1]:1069", "[2001:db8::1]:1069"}, {":1069", "127.0.0.1:1069"}, {"localhost", "127.0.0.1:69"},
		{"0.0.0.0:1069", "127.0.0.1:1069"}, {"[::]:1069", "[::1]:1069"},
	} {
		t.Run(tt.addr, func(t *testing.T) {
			network := &packetnet.Network{}
			ctx, cancel := context.WithCancel(t.Context())
			client := &ch06.Client{ListenPacket: network.ListenPacket, Trace: func(bool, netip.AddrPort, []byte) { cancel() }}
			if _, err := client.Get(ctx, tt.addr, "f", io.Discard); !errors.Is(err, context.Canceled) {
				t.Fatalf("Get error = %v, want context.Canceled after the request", err)
			}
			if got := network.Log()[0].To.String(); got != tt.want {
				t.Errorf("the request went to %s, want %s", got, tt.want)
			}
		})
	}
}

// A datagram from another port than the server's gets ERROR 5, RFC 1350 section 4, and
// changes nothing. An ERROR gets no response.
func TestClientUnknownSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{Delay: time.Millisecond}
		server, unknown := network.MustListen(t, "192.0.2.1:69"), network.MustListen(t, "192.0.2.1:666")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, client := server.Receive()
			server.Send(client, "\x00\x03\x00\x01"+strings.Repeat("x", 512))
			server.Receive() // ACK 1
			unknown.Send(client, "\x00\x05\x00\x00stop\x00")
			unknown.Send(client, "\x00\x03\x00\x02evil")
			if packet, _ := unknown.Receive(); !strings.HasPrefix(packet, "\x00\x05\x00\x05") {
				t.Errorf("the unknown sender got %q, want ERROR 5", packet)
			}
			server.Send(client, "\x00\x03\x00\x02good")
			server.Receive() // ACK 2
		}()
		var got strings.Builder
		client := &ch06.Client{ListenPacket: network.ListenPacket}
		if _, err := client.Get(t.Context(), "192.0.2.1", "f", &got); err != nil || got.String() != strings.Repeat("x", 512)+"good" {
			t.Errorf("Get = %.20q, %v, want the server's blocks", got.String(), err)
		}
		client.Wait()
		<-ended
		if n := unknown.Pending(); n != 0 {
			t.Errorf("%d more packets for the unknown sender, want none", n)
		}
	})
}

// A server that responds from another address than the one that was asked is ignored, as
// RFC 1350 section 4 wants it, but the error tells which one that is.
func TestClientOtherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &packetnet.Network{}
		server, other := network.MustListen(t, "192.0.2.1:69"), network.MustListen(t, "192.0.2.9:2000")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				packet, client := server.Receive()
				if !strings.HasPrefix(packet, "\x00\x01") {
					return // closed
				}
				other.Send(client, "\x00\x03\x00\x01hello")
			}
		}()
		start := time.Now()
		client := &ch06.Client{ListenPacket: network.ListenPacket}
		n, err := client.Get(t.Context(), "192.0.2.1", "f", io.Discard)
		if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "(192.0.2.9:2000 responded instead)") {
			t.Errorf("Get = %d, %v, want os.ErrDeadlineExceeded and the address that responded", n, err)
		}
		if got := time.Since(start); got != 30*time.Second {
			t.Errorf("Get took %v, want 30s", got)
		}
		server.Close() // always nil
		<-ended
	})
}

func TestClientWrongUse(t *testing.T) {
	for _, tt := range []struct {
		name, addr, file string
		client           *ch06.Client
		want             string
	}{
		{"block size 7", "127.0.0.1", "f", &ch06.Client{BlockSize: 7}, "block size 7, want 8 to 65464"},
		{"block size 65465", "127.0.0.1", "f", &ch06.Client{BlockSize: 65465}, "block size 65465, want 8 to 65464"},
		{"window size -1", "127.0.0.1", "f", &ch06.Client{WindowSize: -1}, "window size -1, want 1 to 32767"},
		{"window size 32768", "127.0.0.1", "f", &ch06.Client{WindowSize: 32768}, "window size 32768, want 1 to 32767"},
		{"port", "127.0.0.1:x-y", "f", &ch06.Client{}, "x-y"},
		{"port 0", "127.0.0.1:0", "f", &ch06.Client{}, "port 0, want 1 to 65535"},
		{"port 65536", "127.0.0.1:65536", "f", &ch06.Client{}, "65536"},
		{"no file name", "127.0.0.1", "", &ch06.Client{}, "without a file name"},
		{"zero byte", "127.0.0.1", "a\x00b", &ch06.Client{}, "zero byte"},
		{"long file name", "127.0.0.1", strings.Repeat("f", 508), &ch06.Client{}, "517 bytes, limit 516"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			network := &packetnet.Network{}
			tt.client.ListenPacket = network.ListenPacket
			_, err := tt.client.Get(t.Context(), tt.addr, tt.file, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Get error = %v, want %q", err, tt.want)
			}
			if len(network.Log()) != 0 || network.Open() != 0 {
				t.Errorf("%d packets were sent, want none", len(network.Log()))
			}
		})
	}
}

// A name that leaves no room for options is asked for without them.
func TestClientLongName(t *testing.T) {
	network := &packetnet.Network{}
	ctx, cancel := context.WithCancel(t.Context())
	client := &ch06.Client{ListenPacket: network.ListenPacket, Trace: func(bool, netip.AddrPort, []byte) { cancel() }}
	if _, err := client.Get(ctx, "192.0.2.1", strings.Repeat("f", 507), io.Discard); !errors.Is(err, context.Canceled) {
		t.Fatalf("Get error = %v, want context.Canceled after the request", err)
	}
	if got := network.Log()[0].Payload; len(got) != 516 {
		t.Errorf("the request has %d bytes, want 516", len(got))
	}
}

// The socket has room for a window, up to 4 MiB. In lock-step the system's buffer stays.
func TestClientReadBuffer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		client *ch06.Client
		want   int // 0: not set
	}{
		{"default", &ch06.Client{}, 64 * (2*1428 + 1024)},
		{"a window of 2", &ch06.Client{BlockSize: 512, WindowSize: 2}, 2 * (2*512 + 1024)},
		{"the largest", &ch06.Client{BlockSize: ch06.MaxBlockSize, WindowSize: 32767}, 4 << 20},
		{"lock-step", &ch06.Client{WindowSize: 1}, 0},
		{"no options", &ch06.Client{NoOptions: true}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			network := &packetnet.Network{}
			conn := &clientBuffer{Conn: network.MustListen(t, "192.0.2.2:2000")}
			ctx, cancel := context.WithCancel(t.Context())
			tt.client.ListenPacket = func(string, string) (net.PacketConn, error) { return conn, nil }
			tt.client.Trace = func(bool, netip.AddrPort, []byte) { cancel() }
			if _, err := tt.client.Get(ctx, "192.0.2.1", "f", io.Discard); !errors.Is(err, context.Canceled) {
				t.Fatalf("Get error = %v, want context.Canceled after the request", err)
			}
			if conn.size != tt.want {
				t.Errorf("buffer of %d bytes, want %d", conn.size, tt.want)
			}
		})
	}
}

type clientBuffer struct {
	*packetnet.Conn
	size int
}

func (c *clientBuffer) SetReadBuffer(bytes int) error { c.size = bytes; return nil }
