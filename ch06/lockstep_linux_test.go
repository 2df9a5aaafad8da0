package ch06_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"network-programming-with-go/ch06"
)

// TestLockstep fetches a file block by block over each kind of socket that a transfer may
// have. A stranger asks the transfer's port in the middle, and is told off.
func TestLockstep(t *testing.T) {
	content := make([]byte, 100_000)
	rand.NewChaCha8([32]byte{}).Read(content) // never fails
	dual := func(_, _ string) (net.PacketConn, error) {
		return net.ListenPacket("udp", "[::]:0") // for both families
	}
	for _, tt := range []struct {
		network, address string
		listen           func(network, address string) (net.PacketConn, error)
	}{
		{"udp4", "127.0.0.1:0", nil},
		{"udp6", "[::1]:0", nil},
		{"udp4", "127.0.0.1:0", dual},
	} {
		conn, err := net.ListenPacket(tt.network, tt.address)
		if err != nil {
			t.Logf("no %s here: %v", tt.network, err)
			continue
		}
		server := &ch06.Server{Payload: content, ListenPacket: tt.listen}
		served := make(chan error, 1)
		go func() { served <- server.Serve(conn) }()

		client := &ch06.Client{BlockSize: ch06.BlockSize, WindowSize: 1, ListenPacket: tt.listen}
		var got bytes.Buffer
		n, err := client.Get(t.Context(), conn.LocalAddr().String(), "f", &got)
		if err != nil || n != int64(len(content)) || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("%s: Get = %d, %v, want %d bytes", tt.network, n, err, len(content))
		}
		if data := lockstepFetch(t, tt.network, conn.LocalAddr()); !bytes.Equal(data, content) {
			t.Errorf("%s: %d bytes beside a stranger, want %d", tt.network, len(data), len(content))
		}
		server.Close() // always nil
		<-served
	}
}

// lockstepFetch is a bare client. After block 50 a stranger sends to the transfer's port.
func lockstepFetch(t *testing.T, network string, server net.Addr) (data []byte) {
	t.Helper()
	var conns [2]*net.UDPConn
	for i := range conns {
		host, _, _ := net.SplitHostPort(server.String()) // it is an address
		c, err := net.ListenPacket(network, net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second)) // cannot fail: c is open
		conns[i] = c.(*net.UDPConn)
	}
	client, stranger := conns[0], conns[1]
	request, err := (&ch06.ReadReq{Filename: "f"}).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.WriteTo(request, server); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, ch06.DatagramSize)
	for {
		n, from, err := client.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		block := binary.BigEndian.Uint16(b[2:])
		data = append(data, b[4:n]...)
		ack := []byte{0, byte(ch06.OpAck), b[2], b[3]}
		if block == 50 {
			if _, err := stranger.WriteTo(ack, from); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, ch06.DatagramSize)
			m, _, err := stranger.ReadFrom(answer)
			if err != nil || m < 4 || answer[1] != byte(ch06.OpErr) || answer[3] != byte(ch06.ErrUnknownID) {
				t.Errorf("the stranger got %q, %v, want ERROR 5", answer[:m], err)
			}
		}
		if _, err := client.WriteTo(ack, from); err != nil {
			t.Fatal(err)
		}
		if n < ch06.DatagramSize {
			return data
		}
	}
}

// TestLockstepAllocations fetches 4,000 blocks: nothing is allocated for each.
func TestLockstepAllocations(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const blocks = 4000
	server := &ch06.Server{Payload: make([]byte, blocks*ch06.BlockSize-1)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	client := &ch06.Client{BlockSize: ch06.BlockSize, WindowSize: 1}
	got := testing.AllocsPerRun(2, func() {
		if _, err := client.Get(context.Background(), conn.LocalAddr().String(), "f", lockstepNowhere{}); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%v allocations for %d blocks, on both sides together", got, blocks)
	if got > blocks/10 {
		t.Errorf("%v allocations for %d blocks, want fewer than %d", got, blocks, blocks/10)
	}
	server.Close() // always nil
	<-served
}

type lockstepNowhere struct{}

func (lockstepNowhere) Write(p []byte) (int, error) { return len(p), nil }

// TestLockstepOtherFamily gives an IPv4 socket to a transfer whose client has an IPv6
// address. Nothing may leave for whoever has the IPv4 address that its first bytes make.
func TestLockstepOtherFamily(t *testing.T) {
	listener, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	ended := make(lockstepLines, 1)
	server := &ch06.Server{
		Payload: []byte("secret"), Retries: -1, Timeout: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(ended, nil)),
		ListenPacket: func(_, _ string) (net.PacketConn, error) {
			return net.ListenPacket("udp4", "127.0.0.1:0")
		},
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	client, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	port := client.LocalAddr().(*net.UDPAddr).Port
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Skip("the port is taken for IPv4: ", err)
	}
	defer other.Close()
	if _, err := client.WriteTo([]byte("\x00\x01f\x00octet\x00"), listener.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	t.Log(<-ended)
	if _, err := other.WriteTo([]byte("the end"), other.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1024)
	if n, _, err := other.ReadFrom(b); err != nil || string(b[:n]) != "the end" {
		t.Errorf("somebody else received %q, %v", b[:n], err)
	}
	server.Close() // always nil
	<-served
}

// lockstepLines gets the lines of a log, and drops what nobody waits for.
type lockstepLines chan string

func (l lockstepLines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}
