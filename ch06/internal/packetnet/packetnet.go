// Package packetnet is a packet network in memory, for tests in a testing/synctest bubble:
// datagrams take exact time, and are lost, duplicated and reordered by a seeded plan.
package packetnet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// Network carries datagrams between its conns. The zero value loses nothing and takes no
// time. Fields must not change once datagrams are sent.
type Network struct {
	Delay     time.Duration // of each datagram
	Loss      float64       // fraction of datagrams that are lost
	Duplicate float64       // fraction that arrive twice
	Reorder   float64       // fraction that arrive later, by LateBy
	LateBy    time.Duration
	Seed      uint64

	// Fault, if set, decides about each datagram before the plan does: how many copies
	// arrive, and by how much later.
	Fault func(d Datagram) (copies int, late time.Duration)

	mu    sync.Mutex
	plan  *rand.Rand
	port  uint16
	conns map[netip.AddrPort]*Conn
	log   []Datagram
}

// Datagram is one that was sent, whether or not it arrived.
type Datagram struct {
	Sent     time.Time
	From, To netip.AddrPort
	Payload  []byte

	due time.Time
}

// ListenPacket returns a conn with the address, as net.ListenPacket does. If the host is
// left out it is 192.0.2.1, and port 0 is a free one.
func (n *Network) ListenPacket(_, address string) (net.PacketConn, error) {
	return n.Listen(address)
}

// Listen is ListenPacket, with the conn's own type.
func (n *Network) Listen(address string) (*Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "192.0.2.1"
	}
	addr, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns == nil {
		n.conns = make(map[netip.AddrPort]*Conn)
		n.plan = rand.New(rand.NewPCG(n.Seed, 6))
		n.port = 1024
	}
	if addr.Port() == 0 {
		n.port++
		addr = netip.AddrPortFrom(addr.Addr(), n.port)
	}
	if n.conns[addr] != nil {
		return nil, fmt.Errorf("packetnet: %v is in use", addr)
	}
	c := &Conn{network: n, addr: addr, wake: make(chan struct{}, 1)}
	n.conns[addr] = c
	return c, nil
}

// MustListen is Listen for a test, which it fails if the address is in use.
func (n *Network) MustListen(t testing.TB, address string) *Conn {
	t.Helper()
	c, err := n.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Serve has server, such as a *ch06.Server, serve at 192.0.2.1:69 until the test or its
// bubble ends, and returns that address. Serve must then return the error closed.
func (n *Network) Serve(t testing.TB, server interface {
	Serve(net.PacketConn) error
	Close() error
}, closed error) netip.AddrPort {
	t.Helper()
	listener := n.MustListen(t, "192.0.2.1:69")
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil { // waits for every transfer
			t.Errorf("Close error = %v", err)
		}
		if err := <-served; err != closed {
			t.Errorf("Serve error = %v, want %v", err, closed)
		}
	})
	return listener.AddrPort()
}

// Log returns the datagrams that were sent so far.
func (n *Network) Log() []Datagram {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.log)
}

// Open returns the number of conns that are not closed.
func (n *Network) Open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

func (n *Network) send(d Datagram) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = append(n.log, d)
	copies, late := 1, time.Duration(0)
	if n.Fault != nil {
		copies, late = n.Fault(d)
	}
	d.due = d.Sent.Add(n.Delay + late)
	chance := func(p float64) bool { return p > 0 && n.plan.Float64() < p }
	switch {
	case chance(n.Loss):
		copies = 0
	case chance(n.Duplicate):
		copies++
	case chance(n.Reorder):
		d.due = d.due.Add(n.LateBy)
	}
	for range copies {
		if to := n.conns[d.To]; to != nil {
			to.push(d)
		}
	}
}

// Conn is a conn of a Network. It has one reader.
type Conn struct {
	network *Network
	addr    netip.AddrPort
	wake    chan struct{} // something below has changed

	mu       sync.Mutex
	queue    []Datagram // by the time they are due, then in the order of the calls
	deadline time.Time
	closed   bool
}

func (c *Conn) push(d Datagram) {
	c.change(func() {
		i := len(c.queue) // seldom overtakes another
		for i > 0 && c.queue[i-1].due.After(d.due) {
			i--
		}
		c.queue = slices.Insert(c.queue, i, d)
	})
}

func (c *Conn) change(do func()) {
	c.mu.Lock()
	do()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// ReadFromUDPAddrPort is the method of *net.UDPConn.
func (c *Conn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		now, next := time.Now(), c.deadline
		switch {
		case c.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case !c.deadline.IsZero() && !now.Before(c.deadline):
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case len(c.queue) > 0 && !now.Before(c.queue[0].due):
			d := c.queue[0]
			c.queue = c.queue[1:]
			return copy(b, d.Payload), d.From, nil
		case len(c.queue) > 0 && (next.IsZero() || c.queue[0].due.Before(next)):
			next = c.queue[0].due
		}
		var due <-chan time.Time
		if !next.IsZero() {
			due = time.After(next.Sub(now))
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-due:
		}
		c.mu.Lock()
	}
}

// WriteToUDPAddrPort is the method of *net.UDPConn.
func (c *Conn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.network.send(Datagram{Sent: time.Now(), From: c.addr, To: to, Payload: bytes.Clone(b)})
	return len(b), nil
}

// ReadFrom is the method of net.PacketConn.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteTo is the method of net.PacketConn.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	return c.WriteToUDPAddrPort(b, to.(*net.UDPAddr).AddrPort())
}

// Send sends a packet. It cannot fail.
func (c *Conn) Send(to netip.AddrPort, packet string) { c.WriteToUDPAddrPort([]byte(packet), to) }

// Receive returns the next datagram, however long that takes.
func (c *Conn) Receive() (packet string, from netip.AddrPort) {
	b := make([]byte, 64<<10)
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return err.Error(), from
	}
	return string(b[:n]), from
}

// Pending returns the number of datagrams that have arrived and were not read.
func (c *Conn) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, now := 0, time.Now()
	for n < len(c.queue) && !now.Before(c.queue[n].due) {
		n++
	}
	return n
}

// AddrPort returns the conn's address.
func (c *Conn) AddrPort() netip.AddrPort { return c.addr }

// LocalAddr is the method of net.PacketConn.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.addr) }

// SetReadDeadline is the method of net.PacketConn.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return nil
}

// SetDeadline sets the read deadline: a write never waits.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a write never waits.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Close closes the conn. Datagrams to it are lost from now on.
func (c *Conn) Close() error {
	c.network.mu.Lock()
	delete(c.network.conns, c.addr)
	c.network.mu.Unlock()
	c.change(func() { c.closed = true })
	return nil
}
