package ch06_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"network-programming-with-go/ch06"
)

// TestOffload fetches a file over every kind of socket that a window can meet: one whose
// kernel cuts and joins datagrams, one where it refuses to, and one that is no UDP socket
// of the kernel's at all. The file arrives unharmed over each.
func TestOffload(t *testing.T) {
	t.Parallel()
	content := make([]byte, 200_017)
	rand.NewChaCha8([32]byte{}).Read(content) // never fails
	for _, tt := range []struct {
		name   string
		listen func(network, address string) (net.PacketConn, error)
	}{
		{"offloaded", nil},
		{"refused", offloadRefusing},
		{"plain", offloadPlain},
	} {
		for _, size := range []struct{ block, window int }{{512, 1}, {1428, 2}, {1428, 44}, {1428, 64}, {32000, 8}, {65464, 2}} {
			server := &ch06.Server{Payload: content, ListenPacket: tt.listen}
			conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve(conn) }()
			var got bytes.Buffer
			client := &ch06.Client{BlockSize: size.block, WindowSize: size.window, ListenPacket: tt.listen}
			_, err = client.Get(t.Context(), conn.LocalAddr().String(), "f", &got)
			if err != nil || !bytes.Equal(got.Bytes(), content) {
				t.Errorf("%s, %d/%d: Get = %d bytes, %v, want %d", tt.name, size.block, size.window, got.Len(), err, len(content))
			}
			server.Close() // always nil
			<-served
		}
	}
}

// The refusal above is real: the kernel does not cut what it may not checksum.
func TestOffloadRefused(t *testing.T) {
	conn, err := offloadRefusing("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A control message with the size to cut at, see cmsg(3): length, level, type, data.
	segment := make([]byte, syscall.CmsgSpace(2))
	word := syscall.SizeofCmsghdr - 8
	segment[0] = byte(syscall.CmsgLen(2))
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 { // big-endian
		segment[0], segment[word-1] = 0, byte(syscall.CmsgLen(2))
	}
	binary.NativeEndian.PutUint32(segment[word:], syscall.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(segment[word+4:], 103) // UDP_SEGMENT
	binary.NativeEndian.PutUint16(segment[syscall.CmsgLen(0):], 100)
	to := netip.MustParseAddrPort(conn.LocalAddr().String())
	_, _, err = conn.(*net.UDPConn).WriteMsgUDPAddrPort(make([]byte, 200), segment, to)
	if !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteMsgUDPAddrPort error = %v, want EINVAL or EIO", err)
	}
	t.Log(err)
}

// offloadRefusing opens a socket that sends no checksums, for which the kernel refuses to
// cut writes into datagrams.
func offloadRefusing(network, address string) (net.PacketConn, error) {
	const soNoCheck = 11 // SO_NO_CHECK
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soNoCheck, 1)
		})
		return errors.Join(err, failed)
	}}
	return config.ListenPacket(context.Background(), network, address)
}

// offloadPlain opens a socket behind a type that is not *net.UDPConn.
func offloadPlain(network, address string) (net.PacketConn, error) {
	conn, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	return struct{ *net.UDPConn }{conn.(*net.UDPConn)}, nil
}

// BenchmarkOffload sends the same windows with one system call for each, and with one for
// each block.
func BenchmarkOffload(b *testing.B) {
	content := make([]byte, 8<<20)
	for _, tt := range []struct {
		name   string
		listen func(network, address string) (net.PacketConn, error)
	}{
		{"plain", offloadRefusing},
		{"offloaded", nil},
	} {
		b.Run(tt.name, func(b *testing.B) {
			server := &ch06.Server{Payload: content, ListenPacket: tt.listen}
			conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- server.Serve(conn) }()
			client := &ch06.Client{WindowSize: 44}
			b.ReportAllocs()
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if n, err := client.Get(b.Context(), conn.LocalAddr().String(), "f", offloadNowhere{}); err != nil || n != int64(len(content)) {
					b.Fatal(n, err)
				}
			}
			server.Close() // always nil
			<-served
		})
	}
}

type offloadNowhere struct{}

func (offloadNowhere) Write(p []byte) (int, error) { return len(p), nil }
