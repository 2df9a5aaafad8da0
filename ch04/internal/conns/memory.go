package conns

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Memory is one end of a connection in memory, for a synctest bubble. It acts like a TCP
// socket of Linux: it half-closes, a reset is reported once, by the first Read or Write
// that finds it, and a Write of nothing tells whether the connection still exists. Make it
// in the bubble.
type Memory struct {
	r, w net.Conn // a pipe for each direction
	peer *Memory
	once sync.Once     // for Close
	lock chan struct{} // full while a Write runs: the next one waits

	mu      sync.Mutex // guards the rest
	err     error      // not yet reported
	dead    bool       // reset by the peer
	linger0 bool
	ended   bool // the peer has ended its direction
}

// MemoryPair returns the two ends of a connection in memory.
func MemoryPair() (client, server *Memory) {
	r1, w1 := net.Pipe()
	r2, w2 := net.Pipe()
	client = &Memory{r: r1, w: w2, lock: make(chan struct{}, 1)}
	server = &Memory{r: r2, w: w1, lock: make(chan struct{}, 1)}
	client.peer, server.peer = server, client
	return client, server
}

// Vanish makes the connection end for c with err: ECONNRESET if its peer sent a reset
// before the end of its stream, EPIPE if after it, ETIMEDOUT if it answers no more.
func (c *Memory) Vanish(err error) {
	c.mu.Lock()
	c.err, c.dead = err, true
	c.mu.Unlock()
	c.r.Close()
	c.w.Close()
}

// report is what an operation of c returns instead of err.
func (c *Memory) report(err, later error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) || !c.dead {
		return err
	}
	if err = c.err; err != nil && !(c.ended && later == io.EOF) {
		c.err = nil
		return &net.OpError{Op: "memory", Net: "tcp", Err: err}
	}
	return later
}

// Read implements net.Conn.
func (c *Memory) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	return n, c.report(err, io.EOF)
}

// Write implements net.Conn.
func (c *Memory) Write(p []byte) (int, error) {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	if len(p) == 0 { // a pipe would wait for a Read
		c.mu.Lock()
		dead := c.dead
		c.mu.Unlock()
		if !dead {
			return 0, nil
		}
		return 0, c.report(io.ErrClosedPipe, syscall.EPIPE)
	}
	n, err := c.w.Write(p)
	return n, c.report(err, syscall.EPIPE)
}

// CloseWrite ends the direction from c to its peer.
func (c *Memory) CloseWrite() error {
	c.peer.mu.Lock()
	c.peer.ended = true
	c.peer.mu.Unlock()
	return c.w.Close()
}

// SetLinger makes Close a reset if sec is 0.
func (c *Memory) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.linger0 = sec == 0
	return nil
}

// Close implements net.Conn. The peer can no longer write.
func (c *Memory) Close() error {
	c.once.Do(func() {
		c.r.Close() // first, so that no Read of c takes this for the peer's end
		c.mu.Lock()
		reset := c.linger0
		c.mu.Unlock()
		if reset {
			c.peer.Vanish(syscall.ECONNRESET)
		} else {
			c.CloseWrite() // a pipe's Close does not fail
		}
	})
	return nil
}

// LocalAddr implements net.Conn.
func (c *Memory) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }

// RemoteAddr implements net.Conn.
func (c *Memory) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2)} }

// SetDeadline implements net.Conn.
func (c *Memory) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *Memory) SetReadDeadline(t time.Time) error { return c.r.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *Memory) SetWriteDeadline(t time.Time) error { return c.w.SetWriteDeadline(t) }
