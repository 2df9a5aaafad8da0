package fastudp_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"network-programming-with-go/ch06/fastudp"
	"network-programming-with-go/ch06/internal/blocks"
)

// TestBlocks sends windows of datagrams and counts the reads. On loopback nothing joins
// datagrams that were sent one by one, so a read of several was also a single write.
func TestBlocks(t *testing.T) {
	fast := blocks.Supported(t)
	for _, tt := range []struct {
		name         string
		size, length int // of a datagram, of the window
		reads        int // if the kernel splits and joins
	}{
		{"44 Ethernet frames", 1432, 44 * 1432, 1},
		{"short last datagram", 1432, 43*1432 + 4, 1},
		{"two bytes", 1, 2, 1},
		{"64 datagrams", 516, 64 * 516, 1},
		{"65 datagrams", 516, 65 * 516, 2},
		{"65436 bytes", 5453, 65436, 1},
		{"65535 bytes", 1432, 65535, 2},
		{"200000 bytes", 1432, 200_000, 4},
		{"two to a call", 32718, 3 * 32718, 2},
		{"one to a call", 32719, 3 * 32719, 3},
		{"one datagram", 1432, 1432, 1},
		{"one shorter datagram", 1432, 7, 1},
		{"longest datagram", 65507, 65507 + 1, 2},
		{"nothing", 1432, 0, 0},
	} {
		for _, hosts := range []struct{ name, network, sender, receiver string }{
			{"IPv4", "udp4", "127.0.0.1", "127.0.0.1"},
			{"IPv6", "udp6", "::1", "::1"},
			{"mapped sender", "udp", "::", "127.0.0.1"},
			{"mapped receiver", "udp", "127.0.0.1", "::"},
		} {
			t.Run(tt.name+"/"+hosts.name, func(t *testing.T) {
				sender, from := blocks.Open(t, fastudp.ListenPacket, hosts.network, hosts.sender)
				receiver, to := blocks.Open(t, fastudp.ListenPacket, hosts.network, hosts.receiver)
				blocks.Join(t, receiver)
				window := make([]byte, tt.length)
				for i := range window {
					window[i] = byte(i / tt.size)
				}
				if err := sender.WriteBlocks(window, tt.size, to); err != nil {
					t.Fatalf("WriteBlocks error = %v", err)
				}
				got, reads := blocksRead(t, receiver, len(window), tt.size, from)
				if !bytes.Equal(got, window) {
					t.Errorf("the window of %d bytes was changed", tt.length)
				}
				want := tt.reads
				if !fast {
					want = (tt.length + tt.size - 1) / tt.size
				}
				if reads != want {
					t.Errorf("the window took %d reads, want %d", reads, want)
				}
			})
		}
	}
}

// blocksRead reads datagrams of size bytes until it has length bytes.
func blocksRead(t *testing.T, c blocks.Conn, length, size int, from netip.AddrPort) (window []byte, reads int) {
	t.Helper()
	b := make([]byte, 64<<10)
	c.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; c is open
	for ; len(window) < length; reads++ {
		n, got, sender, err := c.ReadBlocks(b)
		if err != nil {
			t.Fatalf("ReadBlocks after %d bytes: %v", len(window), err)
		}
		if sender != from {
			t.Errorf("ReadBlocks: from %v, want %v", sender, from)
		}
		window = append(window, b[:n]...)
		if want := min(size, n); got != want || n%size != 0 && len(window) < length {
			t.Errorf("ReadBlocks = %d bytes, datagrams of %d, want of %d", n, got, want)
		}
	}
	return window, reads
}

// Until ReadBlocks has a buffer of 64 KiB, each read is one datagram, as without it. What
// has arrived by then stays apart.
func TestBlocksJoinLate(t *testing.T) {
	sender, _ := blocks.Open(t, fastudp.ListenPacket, "udp4", "127.0.0.1")
	receiver, to := blocks.Open(t, fastudp.ListenPacket, "udp4", "127.0.0.1")
	if err := sender.WriteBlocks([]byte("aabbccdd"), 2, to); err != nil {
		t.Fatal(err)
	}
	long := make([]byte, 64<<10)
	receiver.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; receiver is open
	if n, _, err := receiver.ReadFrom(long); err != nil || string(long[:n]) != "aa" {
		t.Errorf("ReadFrom = %q, %v, want aa", long[:n], err)
	}
	for _, want := range []struct {
		b    []byte
		text string
	}{{long[:64<<10-1], "bb"}, {long, "cc"}, {long, "dd"}} {
		n, size, _, err := receiver.ReadBlocks(want.b)
		if err != nil || string(want.b[:n]) != want.text || size != 2 {
			t.Errorf("ReadBlocks = %q, %d, %v, want %s, 2", want.b[:n], size, err, want.text)
		}
	}
}

// A buffer that is too short loses whole datagrams: a part of one would pass for the short
// block that ends a file. A single datagram is truncated.
func TestBlocksShortBuffer(t *testing.T) {
	if !blocks.Supported(t) {
		t.Skip("the kernel does not join datagrams")
	}
	sender, _ := blocks.Open(t, fastudp.ListenPacket, "udp4", "127.0.0.1")
	receiver, to := blocks.Open(t, fastudp.ListenPacket, "udp4", "127.0.0.1")
	blocks.Join(t, receiver)
	for _, tt := range []struct {
		sent     string
		sentSize int
		buffer   int
		want     string
		wantSize int
	}{
		{"aaabbbccc", 3, 8, "aaabbb", 3},
		{"aaabbbccc", 3, 9, "aaabbbccc", 3},
		{"aaabbbcc", 3, 7, "aaabbb", 3},
		{"aaabbbccc", 3, 2, "aa", 2},
		{"aaa", 3, 2, "aa", 2},
		{"aaa", 3, 3, "aaa", 3},
	} {
		if err := sender.WriteBlocks([]byte(tt.sent), tt.sentSize, to); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, tt.buffer)
		receiver.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; receiver is open
		n, size, _, err := receiver.ReadBlocks(b)
		if err != nil || string(b[:n]) != tt.want || size != tt.wantSize {
			t.Errorf("%s in datagrams of %d, buffer of %d bytes: ReadBlocks = %q, %d, %v, want %q, %d",
				tt.sent, tt.sentSize, tt.buffer, b[:n], size, err, tt.want, tt.wantSize)
		}
	}
}

// BenchmarkBlocks moves a window of 44 Ethernet frames over loopback: sent and received
// with one call for each datagram, and with one for all.
func BenchmarkBlocks(b *testing.B) {
	const size = 1432
	window, buffer := make([]byte, 44*size), make([]byte, 64<<10)
	for _, tt := range []struct {
		name        string
		split, join bool
	}{
		{"one datagram per call", false, false},
		{"WriteBlocks", true, false},
		{"WriteBlocks and ReadBlocks", true, true},
	} {
		b.Run(tt.name, func(b *testing.B) {
			sender, _ := blocks.Open(b, fastudp.ListenPacket, "udp4", "127.0.0.1")
			receiver, to := blocks.Open(b, fastudp.ListenPacket, "udp4", "127.0.0.1")
			if tt.join {
				blocks.Join(b, receiver)
			}
			receiver.SetReadDeadline(time.Now().Add(time.Minute)) // bounds a failure; receiver is open
			calls := 0
			b.ReportAllocs()
			b.SetBytes(int64(len(window)))
			for b.Loop() {
				rest := window
				for ; !tt.split && len(rest) > 0; rest = rest[size:] {
					if _, err := sender.WriteToUDPAddrPort(rest[:size], to); err != nil {
						b.Fatal(err)
					}
				}
				if err := sender.WriteBlocks(rest, size, to); err != nil {
					b.Fatal(err)
				}
				for n := 0; n < len(window); calls++ {
					m, _, _, err := receiver.ReadBlocks(buffer[:len(buffer)-1]) // too short to begin joining
					if err != nil {
						b.Fatal(err)
					}
					n += m
				}
			}
			b.ReportMetric(float64(calls)/float64(b.N), "reads/op")
		})
	}
}
