package ch06_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"network-programming-with-go/ch06"
)

// Only what was asked for, is known and is valid is granted; RFC 2347 to 2349 and 7440.
func TestOptions(t *testing.T) {
	addr := optionsServe(t, &ch06.Server{Payload: make([]byte, 100_000), MaxBlockSize: 9000})
	for _, tt := range []struct{ options, want string }{
		{"", ""},
		{"blksize 1428", "blksize 1428"},
		{"blksize 8", "blksize 8"},
		{"blksize 7", ""},
		{"blksize 65464", "blksize 9000"}, // the server's limit
		{"blksize 65465", ""},
		{"blksize -1", ""},
		{"blksize +512", ""},
		{"blksize 0001428", "blksize 1428"},
		{"blksize 1e3", ""},
		{"blksize 99999999999999999999", ""},
		{"BlkSize 1000", "BlkSize 1000"},
		{"tsize 0", "tsize 100000"},
		{"tsize 5", "tsize 100000"},
		{"tsize x", ""},
		{"timeout 1", "timeout 1"},
		{"timeout 255", "timeout 255"},
		{"timeout 0", ""},
		{"timeout 256", ""},
		{"windowsize 16", "windowsize 16"},
		{"windowsize 65535", "windowsize 64"},
		{"windowsize 0", ""},
		{"windowsize 65536", ""},
		{"multicast 1", ""},
		{"x y blksize 600 tsize 0", "blksize 600 tsize 100000"},
		{"blksize 600 BLKSIZE 700", "blksize 600"},
		{"windowsize 3 tsize 0 timeout 2 blksize 9", "windowsize 3 tsize 100000 timeout 2 blksize 9"},
	} {
		want := "\x00\x06" + optionsWire(tt.want)
		if tt.want == "" { // without an accepted option there is no OACK
			want = "\x00\x03\x00\x01" + string(make([]byte, 512))
		}
		got := optionsAsk(t, addr, "\x00\x01f\x00octet\x00"+optionsWire(tt.options))
		if got != want {
			t.Errorf("%q was answered with %.40q, want %.40q", tt.options, got, want)
		}
		t.Logf("%-28q -> %q", tt.options, tt.want)
	}
}

// curl gives a transfer up when a size of 0 is announced.
func TestOptionsOfAnEmptyFile(t *testing.T) {
	addr := optionsServe(t, &ch06.Server{Payload: []byte{}})
	got := optionsAsk(t, addr, "\x00\x01f\x00octet\x00tsize\x000\x00")
	if got != "\x00\x03\x00\x01" {
		t.Errorf("an empty file began with %q, want an empty block", got)
	}
}

// optionsWire writes "name value ..." as a packet has it.
func optionsWire(text string) string {
	return strings.Join(append(strings.Fields(text), ""), "\x00")
}

// optionsAsk returns the answer to a request, and ends the transfer.
func optionsAsk(t *testing.T, addr net.Addr, request string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.WriteTo([]byte(request), addr); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; cannot fail: conn is open
	n, from, err := conn.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.WriteTo([]byte("\x00\x05\x00\x00\x00"), from); err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func optionsServe(t *testing.T, server *ch06.Server) net.Addr {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		server.Close() // always nil
		<-served
	})
	return conn.LocalAddr()
}
