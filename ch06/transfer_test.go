package ch06_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
)

// A silent client gets block 1 again after 1, 2, 4, 8 and 8 seconds, and after another 8
// is given up: RFC 1123 4.2.3.2 wants the pauses to grow. A client that has answered is
// waited for as long as its timeout option says, one that never has for 8 s at most.
func TestTransferRetransmits(t *testing.T) {
	for _, tt := range []struct {
		name, options string
		retries       int
		want          []time.Duration
		last          string
	}{
		{"default", "", 0, []time.Duration{0, 1, 3, 7, 15, 23}, "31s ERROR 0: no acknowledgment came"},
		{"two retries", "", 2, []time.Duration{0, 1, 3}, "7s ERROR 0: no acknowledgment came"},
		{"timeout 5 s by the client", "timeout\x005\x00", 2, []time.Duration{0, 5, 13}, "21s ERROR 0: no acknowledgment came"},
		{"timeout 255 s by one that never answers", "timeout\x00255\x00", 1, []time.Duration{0, 8}, "16s ERROR 0: no acknowledgment came"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newTransferClient(t, &ch06.Server{Payload: []byte("hello"), Retries: tt.retries})
				c.send(c.server, "\x00\x01f\x00octet\x00"+tt.options)
				start := time.Now()
				for _, want := range tt.want {
					got, _ := c.receive()
					if at := time.Since(start); at != want*time.Second {
						t.Errorf("%q came after %v, want %v", got, at, want*time.Second)
					}
					t.Logf("%6v  %q", time.Since(start), got)
				}
				got, _ := c.receive()
				var end ch06.Err
				if err := end.UnmarshalBinary([]byte(got)); err != nil {
					t.Fatal(err)
				}
				if last := fmt.Sprint(time.Since(start), " ", &end); last != tt.last {
					t.Errorf("the end was %q, want %q", last, tt.last)
				}
			})
		})
	}
}

// The Sorcerer's Apprentice: each ACK comes twice, and still each block is sent once.
func TestTransferIgnoresRepeatedAcks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTransferClient(t, &ch06.Server{Payload: make([]byte, 20*512)})
		c.send(c.server, "\x00\x01f\x00octet\x00")
		blocks := 0
		for block := 1; block <= 21; block++ {
			_, from := c.receive()
			blocks++
			ack := fmt.Sprintf("\x00\x04\x00%c", block)
			c.send(from, ack)
			c.send(from, ack)
		}
		time.Sleep(time.Minute) // fake: whatever else is sent has arrived by then
		if extra := c.pending(); extra != 0 || blocks != 21 {
			t.Errorf("%d DATA datagrams for 21 blocks", blocks+extra)
		}
	})
}

// An ACK inside a window means that the block behind it is lost: the server goes on there,
// RFC 7440 section 4. An ACK repeated for the window before asks for the window again, but
// only once: the doubling must die out.
func TestTransferRollsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTransferClient(t, &ch06.Server{Payload: make([]byte, 100*8)})
		c.send(c.server, "\x00\x01f\x00octet\x00blksize\x008\x00windowsize\x004\x00")
		oack, tid := c.receive()
		if oack != "\x00\x06blksize\x008\x00windowsize\x004\x00" {
			t.Fatalf("the answer was %q", oack)
		}
		for _, step := range []struct {
			ack  byte
			want string
		}{
			{0, "1 2 3 4"},
			{2, "3 4 5 6"}, // 3 was lost
			{6, "7 8 9 10"},
			{6, "7 8 9 10"}, // 7 was lost
			{6, ""},         // repeated once more: not again
			{10, "11 12 13 14"},
			{10, ""}, // what was sent twice is acknowledged twice
			{14, "15 16 17 18"},
			{18, "19 20 21 22"},
			{18, "19 20 21 22"}, // a whole window passed without repetition: this is a loss
			{17, ""},            // stale
			{99, ""},            // never sent
		} {
			c.send(tid, "\x00\x04\x00"+string([]byte{step.ack}))
			synctest.Wait()
			var got []string
			for c.pending() > 0 {
				block, _ := c.receive()
				got = append(got, fmt.Sprint(block[3]))
			}
			if blocks := strings.Join(got, " "); blocks != step.want {
				t.Errorf("after ACK %d came %q, want %q", step.ack, blocks, step.want)
			}
			t.Logf("ACK %2d  ->  DATA %s", step.ack, strings.Join(got, " "))
		}
		c.send(tid, "\x00\x05\x00\x00enough\x00")
	})
}

// A stranger who finds the transfer's port is told off, and the transfer goes on.
func TestTransferUnknownID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTransferClient(t, &ch06.Server{Payload: []byte("hello")})
		c.send(c.server, "\x00\x01f\x00octet\x00")
		_, tid := c.receive()
		stranger := c.network.open(t, "192.0.2.9:9")
		stranger.send(tid, "\x00\x04\x00\x01")
		got, from := stranger.receive()
		if !strings.HasPrefix(got, "\x00\x05\x00\x05") || from != tid {
			t.Errorf("the stranger got %q from %v, want ERROR 5 from %v", got, from, tid)
		}
		stranger.send(tid, "\x00\x05\x00\x00stop\x00") // an ERROR is not answered
		c.send(tid, "\x00\x04\x00\x01")
		synctest.Wait()
		if n := c.pending() + stranger.pending(); n != 0 {
			t.Errorf("%d more datagrams, want none", n)
		}
	})
}

// transferNetwork is a network in memory that loses nothing and takes no time.
type transferNetwork struct {
	mu    sync.Mutex
	port  uint16
	conns map[netip.AddrPort]*transferConn
}

// transferClient speaks to a server, datagram by datagram.
type transferClient struct {
	*transferConn
	server netip.AddrPort
}

// newTransferClient runs server until the test ends. It must be called in a bubble.
func newTransferClient(t *testing.T, server *ch06.Server) *transferClient {
	t.Helper()
	if server.Payload == nil {
		server.FS = fstest.MapFS{}
	}
	network := &transferNetwork{port: 1024, conns: map[netip.AddrPort]*transferConn{}}
	server.ListenPacket = func(string, string) (net.PacketConn, error) {
		network.port++ // only the server's one transfer asks
		return network.open(t, fmt.Sprintf("192.0.2.1:%d", network.port)), nil
	}
	listener := network.open(t, "192.0.2.1:69")
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Close() // always nil
		if err := <-served; err != ch06.ErrServerClosed {
			t.Errorf("Serve error = %v, want ErrServerClosed", err)
		}
	})
	synctest.Wait() // the server listens
	return &transferClient{network.open(t, "192.0.2.2:2000"), listener.addr}
}

func (n *transferNetwork) open(t *testing.T, addr string) *transferConn {
	t.Helper()
	c := &transferConn{network: n, addr: netip.MustParseAddrPort(addr), wake: make(chan struct{}, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c.addr] = c
	return c
}

type transferDatagram struct {
	from    netip.AddrPort
	payload []byte
}

type transferConn struct {
	network *transferNetwork
	addr    netip.AddrPort
	wake    chan struct{} // something below has changed

	mu       sync.Mutex
	queue    []transferDatagram
	deadline time.Time
	closed   bool
}

func (c *transferConn) send(to netip.AddrPort, packet string) {
	c.WriteTo([]byte(packet), net.UDPAddrFromAddrPort(to)) // always nil
}

// receive returns the next datagram and its sender.
func (c *transferConn) receive() (string, netip.AddrPort) {
	b := make([]byte, 65536)
	n, from, err := c.ReadFrom(b)
	if err != nil {
		return err.Error(), netip.AddrPort{}
	}
	return string(b[:n]), from.(*net.UDPAddr).AddrPort()
}

func (c *transferConn) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

func (c *transferConn) change(do func()) {
	c.mu.Lock()
	do()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *transferConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, nil, net.ErrClosed
		case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
			return 0, nil, os.ErrDeadlineExceeded
		case len(c.queue) > 0:
			d := c.queue[0]
			c.queue = slices.Delete(c.queue, 0, 1)
			return copy(b, d.payload), net.UDPAddrFromAddrPort(d.from), nil
		}
		var timer <-chan time.Time
		if !c.deadline.IsZero() {
			timer = time.After(time.Until(c.deadline))
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-timer:
		}
		c.mu.Lock()
	}
}

func (c *transferConn) WriteTo(b []byte, to net.Addr) (int, error) {
	c.network.mu.Lock()
	target := c.network.conns[to.(*net.UDPAddr).AddrPort()]
	c.network.mu.Unlock()
	if target != nil {
		target.change(func() { target.queue = append(target.queue, transferDatagram{c.addr, bytes.Clone(b)}) })
	}
	return len(b), nil
}

func (c *transferConn) SetReadDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return nil
}

func (c *transferConn) Close() error {
	c.change(func() { c.closed = true })
	return nil
}

func (c *transferConn) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(c.addr) }
func (c *transferConn) SetDeadline(time.Time) error      { return io.ErrNoProgress } // not used here
func (c *transferConn) SetWriteDeadline(time.Time) error { return io.ErrNoProgress } // not used here
