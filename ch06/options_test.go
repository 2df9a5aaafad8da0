package ch06_test

import (
	"cmp"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// Only what was asked for, is known and is valid is granted; RFC 2347 to 2349 and 7440.
func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		server        *ch06.Server // nil: of 100,000 bytes, with a limit of 9000
		options, want string
	}{
		{nil, "", ""},
		{nil, "blksize 1428", "blksize 1428"},
		{nil, "blksize 8", "blksize 8"},
		{nil, "blksize 7", ""},
		{nil, "blksize 65464", "blksize 9000"}, // the server's limit
		{nil, "blksize 65465", ""},
		{nil, "blksize -1", ""},
		{nil, "blksize +512", ""},
		{nil, "blksize 0001428", "blksize 1428"},
		{nil, "blksize 1e3", ""},
		{nil, "blksize 99999999999999999999", ""},
		{nil, "BlkSize 1000", "BlkSize 1000"},
		{nil, "tsize 0", "tsize 100000"},
		{nil, "tsize 5", "tsize 100000"},
		{nil, "tsize x", ""},
		{nil, "timeout 1", "timeout 1"},
		{nil, "timeout 255", "timeout 255"},
		{nil, "timeout 0", ""},
		{nil, "timeout 256", ""},
		{nil, "windowsize 1", "windowsize 1"},
		{nil, "windowsize 16", "windowsize 16"},
		{nil, "windowsize 65535", "windowsize 64"},
		{nil, "windowsize 0", ""},
		{nil, "windowsize 65536", ""},
		{nil, "multicast 1", ""},
		{nil, "x y blksize 600 tsize 0", "blksize 600 tsize 100000"},
		{nil, "blksize 600 BLKSIZE 700", "blksize 600"},
		{nil, "windowsize 3 tsize 0 timeout 2 blksize 9", "windowsize 3 tsize 100000 timeout 2 blksize 9"},

		{&ch06.Server{Payload: make([]byte, 600)}, "blksize 65464 windowsize 1000", "blksize 65464 windowsize 1"},
		{&ch06.Server{Payload: make([]byte, 600)}, "windowsize 64 blksize 1536", "windowsize 64 blksize 1536"},
		{&ch06.Server{Payload: make([]byte, 600)}, "windowsize 64 blksize 1537", "windowsize 63 blksize 1537"},
		{&ch06.Server{Payload: make([]byte, 600), MaxWindowSize: 16}, "blksize 8192 windowsize 16", "blksize 8192 windowsize 3"},
		{&ch06.Server{Payload: make([]byte, 600), MaxBlockSize: 99999}, "blksize 65464", "blksize 65464"},
		{&ch06.Server{Payload: make([]byte, 600), MaxBlockSize: 100}, "blksize 600", "blksize 512"},
		{&ch06.Server{Payload: make([]byte, 600), MaxWindowSize: 65535}, "windowsize 65535", "windowsize 65535"},
		{&ch06.Server{Payload: make([]byte, 600), MaxWindowSize: 3}, "windowsize 4", "windowsize 3"},
		{&ch06.Server{Payload: make([]byte, 600), Refuse: []string{"tsize", "windowsize"}}, "TSize 0 windowsize 4 blksize 600", "blksize 600"},
		{&ch06.Server{Payload: make([]byte, 600), Refuse: []string{"tsize"}}, "tsize 0", ""},
		// curl ends a transfer when a size of 0 is announced.
		{&ch06.Server{Payload: []byte{}}, "tsize 0 blksize 600", "blksize 600"},
	} {
		t.Run(tt.options, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := cmp.Or(tt.server, &ch06.Server{Payload: make([]byte, 100_000), MaxBlockSize: 9000})
				want := "\x00\x06" + optionsWire(tt.want)
				if tt.want == "" { // without a granted option there is no OACK
					want = "\x00\x03\x00\x01" + string(make([]byte, 512))
				}
				got := optionsAsk(t, server, "\x00\x01f\x00octet\x00"+optionsWire(tt.options))
				if got != want {
					t.Errorf("the response to %q is %.40q, want %.40q", tt.options, got, want)
				}
			})
		})
	}
}

// What was granted is also done.
func TestOptionsTakeEffect(t *testing.T) {
	for _, tt := range []struct {
		name         string
		server       *ch06.Server
		client       *ch06.Client
		block, count int // the size of the first block, and how many blocks arrive before the first ACK
	}{
		{"none", &ch06.Server{}, &ch06.Client{NoOptions: true}, 512, 1},
		{"blksize and windowsize", &ch06.Server{}, &ch06.Client{BlockSize: 1000, WindowSize: 5}, 1000, 5},
		{"the server's limits", &ch06.Server{MaxBlockSize: 600, MaxWindowSize: 2}, &ch06.Client{}, 600, 2},
		{"refused", &ch06.Server{Refuse: []string{"windowsize", "blksize"}}, &ch06.Client{}, 512, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &packetnet.Network{}
				tt.server.Payload = make([]byte, 100_000)
				tt.server.ListenPacket, tt.client.ListenPacket = network.ListenPacket, network.ListenPacket
				network.Serve(t, tt.server, ch06.ErrServerClosed)
				if n, err := tt.client.Get(t.Context(), "192.0.2.1", "f", io.Discard); err != nil || n != 100_000 {
					t.Errorf("Get = %d, %v, want 100000", n, err)
				}
				tt.client.Wait()
				block, count := 0, 0
				for _, d := range network.Log() {
					switch d.Payload[1] {
					case byte(ch06.OpData):
						block = len(d.Payload) - 4
						count++
					case byte(ch06.OpAck):
						if count > 0 {
							if block != tt.block || count != tt.count {
								t.Errorf("%d blocks of %d bytes came before an ACK, want %d of %d", count, block, tt.count, tt.block)
							}
							return
						}
					}
				}
			})
		})
	}
}

// optionsWire writes "name value ..." as a packet has it.
func optionsWire(text string) string {
	return strings.Join(append(strings.Fields(text), ""), "\x00")
}

// optionsAsk returns the response to a request, and ends the transfer. In a bubble.
func optionsAsk(t *testing.T, server *ch06.Server, request string) string {
	t.Helper()
	network := &packetnet.Network{}
	server.ListenPacket = network.ListenPacket
	to := network.Serve(t, server, ch06.ErrServerClosed)
	client := network.MustListen(t, "192.0.2.2:2000")
	client.Send(to, request)
	response, from := client.Receive()
	client.Send(from, "\x00\x05\x00\x00\x00")
	return response
}
