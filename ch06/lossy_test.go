package ch06_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
)

// TestLossyNetwork fetches files over a network in memory that drops datagrams by a seeded
// plan, duplicates half as many, and delays as many as it drops so that others overtake
// them. Each file must arrive unharmed, and within a bounded number of datagrams.
func TestLossyNetwork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		loss                  float64 // of datagrams, in both directions; half as many come twice
		blksize, window, size int
		most                  float64 // DATA datagrams for each block of the file
	}{
		{0, 512, 1, 0, 1}, {0, 512, 1, 1, 1}, {0, 512, 1, 511, 1}, {0, 512, 1, 512, 1}, {0, 512, 1, 513, 1},
		{0, 1428, 16, 0, 1}, {0, 1428, 16, 16 * 1428, 1}, {0, 1428, 16, 100_000, 1},
		{0, 65464, 1, 65464, 1}, {0, 65464, 4, 400_000, 1}, {0, 8, 64, 10_000, 1},
		{.01, 8, 16, 8*65_600 + 3, 2}, // block numbers wrap
		{.01, 512, 1, 100_000, 1.2}, {.01, 1428, 64, 300_000, 3}, {.01, 65464, 2, 400_000, 2},
		{.10, 512, 1, 0, 30}, {.10, 512, 1, 50_000, 2}, {.10, 1428, 2, 50_000, 3},
		{.10, 1428, 16, 100_000, 6}, {.10, 8, 64, 2_000, 20},
		{.30, 512, 1, 1, 40}, {.30, 512, 1, 20_000, 4}, {.30, 1428, 4, 50_000, 6},
		{.30, 512, 64, 30_000, 60}, {.30, 65464, 1, 300_000, 10},
	} {
		name := fmt.Sprintf("loss %2.0f%% blksize %d windowsize %d size %d", 100*tt.loss, tt.blksize, tt.window, tt.size)
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := newLossyNetwork(tt.loss, uint64(tt.size+tt.window))
				took := lossyFetch(t, network, tt.size, &ch06.Client{BlockSize: tt.blksize, WindowSize: tt.window})
				blocks := tt.size/tt.blksize + 1
				sent := network.count()
				t.Logf("%d blocks in %d datagrams, %v of fake time", blocks, sent, took)
				if float64(sent) > tt.most*float64(blocks) {
					t.Errorf("%d DATA datagrams for %d blocks, want at most %v times as many", sent, blocks, tt.most)
				}
				if tt.loss == 0 && took != 0 {
					t.Errorf("took %v on a network that takes no time", took)
				}
			})
		})
	}
}

// Seeds under which the client asks anew in the moment in which the server sends again. The
// request then comes in the middle of a transfer that goes on, and must not end it.
func TestLossyNetworkAskedAnew(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{5, 31, 41, 122} {
		synctest.Test(t, func(t *testing.T) {
			lossyFetch(t, newLossyNetwork(.30, seed), 20_000, &ch06.Client{BlockSize: 512, WindowSize: 1})
		})
	}
}

// lossyFetch has client fetch a file of size bytes, and returns how long that took.
func lossyFetch(t *testing.T, network *lossyNetwork, size int, client *ch06.Client) time.Duration {
	t.Helper()
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{6}).Read(content) // never fails
	server := &ch06.Server{
		FS:      fstest.MapFS{"file": &fstest.MapFile{Data: content, Mode: 0o444}},
		Retries: 100, ListenPacket: network.listen,
	}
	conn, err := network.listen("udp4", "192.0.2.1:69")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()

	client.Retries, client.ListenPacket = 100, network.listen
	var got bytes.Buffer
	start := time.Now()
	n, err := client.Get(t.Context(), "192.0.2.1:69", "file", &got)
	took := time.Since(start)
	if err != nil || n != int64(size) || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("Get = %d bytes, %v, want the file's %d bytes", n, err, size)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
		t.Errorf("Serve error = %v, want ErrServerClosed", err)
	}
	return took
}

// One block that is lost, or comes twice, makes at most one window travel again, and not
// all of the file: the Sorcerer's Apprentice has a cousin in windows.
func TestOneFault(t *testing.T) {
	t.Parallel()
	const blocks = 201
	for _, window := range []int{1, 4, 64} {
		for _, fault := range []string{"lost", "twice"} {
			for _, block := range []int{1, 5, 64, blocks} {
				synctest.Test(t, func(t *testing.T) {
					network := newLossyNetwork(0, 0)
					network.fault, network.block = fault, block
					server := &ch06.Server{Payload: make([]byte, (blocks-1)*512), ListenPacket: network.listen}
					conn, err := network.listen("udp4", "192.0.2.1:69")
					if err != nil {
						t.Fatal(err)
					}
					served := make(chan error, 1)
					go func() { served <- server.Serve(conn) }()
					client := &ch06.Client{BlockSize: 512, WindowSize: window, ListenPacket: network.listen}
					if n, err := client.Get(t.Context(), "192.0.2.1:69", "file", io.Discard); err != nil || n != (blocks-1)*512 {
						t.Errorf("window %d, block %d %s: Get = %d, %v", window, block, fault, n, err)
					}
					server.Close() // always nil
					<-served
					if got, most := network.count(), blocks+3*window; got > most {
						t.Errorf("window %d, block %d %s: %d DATA datagrams for %d blocks, want at most %d", window, block, fault, got, blocks, most)
					}
				})
			}
		}
	}
}

// lossyNetwork carries datagrams between its conns, all of one address, in memory.
type lossyNetwork struct {
	loss  float64
	fault string // what befalls the DATA datagram number block: "lost" or "twice"
	block int

	mu    sync.Mutex
	plan  *rand.Rand
	port  uint16
	conns map[netip.AddrPort]*lossyConn
	data  int // DATA datagrams sent
}

func newLossyNetwork(loss float64, seed uint64) *lossyNetwork {
	return &lossyNetwork{loss: loss, plan: rand.New(rand.NewPCG(seed, 6)), port: 1024, conns: map[netip.AddrPort]*lossyConn{}}
}

func (n *lossyNetwork) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.data
}

func (n *lossyNetwork) listen(_, address string) (net.PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr, err := netip.ParseAddrPort(address)
	if err != nil || addr.Port() == 0 {
		n.port++
		addr = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), n.port)
	}
	c := &lossyConn{network: n, addr: addr, wake: make(chan struct{}, 1)}
	n.conns[addr] = c
	return c, nil
}

// send decides what becomes of a datagram.
func (n *lossyNetwork) send(from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b[1] == byte(ch06.OpData) {
		n.data++
	}
	target := n.conns[to]
	if target == nil {
		return
	}
	d := lossyDatagram{time.Now(), from, bytes.Clone(b)}
	copies := 1
	if n.loss > 0 {
		d.at = d.at.Add(time.Millisecond)
		switch fate := n.plan.Float64() / n.loss; {
		case fate < 1:
			copies = 0
		case fate < 1.5:
			copies = 2
		case fate < 2.5:
			d.at = d.at.Add(time.Duration(n.plan.IntN(3000)) * time.Microsecond)
		}
	} else if b[1] == byte(ch06.OpData) && n.data == n.block {
		copies = map[string]int{"lost": 0, "twice": 2}[n.fault]
	}
	for range copies {
		target.push(d)
	}
}

type lossyDatagram struct {
	at      time.Time // of arrival
	from    netip.AddrPort
	payload []byte
}

// lossyConn is one socket; it has one reader.
type lossyConn struct {
	network *lossyNetwork
	addr    netip.AddrPort
	wake    chan struct{} // something below has changed

	mu       sync.Mutex
	queue    []lossyDatagram
	deadline time.Time
	closed   bool
}

func (c *lossyConn) push(d lossyDatagram) {
	c.change(func() {
		i := len(c.queue)
		for i > 0 && c.queue[i-1].at.After(d.at) {
			i--
		}
		c.queue = slices.Insert(c.queue, i, d)
	})
}

func (c *lossyConn) change(do func()) {
	c.mu.Lock()
	do()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *lossyConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		now, next := time.Now(), c.deadline
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case !c.deadline.IsZero() && !now.Before(c.deadline):
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case len(c.queue) > 0 && !now.Before(c.queue[0].at):
			d := c.queue[0]
			c.queue = c.queue[1:]
			return copy(b, d.payload), d.from, nil
		case len(c.queue) > 0 && (next.IsZero() || c.queue[0].at.Before(next)):
			next = c.queue[0].at
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(next.Sub(now))
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-timer:
		}
		c.mu.Lock()
	}
}

func (c *lossyConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.network.send(c.addr, to, b)
	return len(b), nil
}

func (c *lossyConn) SetReadDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return nil
}

func (c *lossyConn) Close() error {
	c.change(func() { c.closed = true })
	return nil
}

func (c *lossyConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.addr) }

// What a net.PacketConn has beside that is not used here.
func (c *lossyConn) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, io.ErrNoProgress }
func (c *lossyConn) WriteTo([]byte, net.Addr) (int, error)  { return 0, io.ErrNoProgress }
func (c *lossyConn) SetDeadline(time.Time) error            { return io.ErrNoProgress }
func (c *lossyConn) SetWriteDeadline(time.Time) error       { return io.ErrNoProgress }
