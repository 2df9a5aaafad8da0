// Package idle limits how long a connection may be idle.
package idle

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

const piece = 32 << 10 // 32 KiB: a large Write is split, to see progress

// Timeout returns a conn whose Read and Write fail with os.ErrDeadlineExceeded if no byte
// moves in either direction for d. The connection stays open, and deadlines set on the
// returned conn still apply. If d is 0 or less, Timeout returns conn itself. Use it for
// streams only, because it splits a large Write.
//
// Do not use it under http.Server, which keeps a read pending while a handler runs: the
// context of a handler that takes longer than d is canceled. Use the server's timeouts.
// Over TLS a Write that timed out ends the connection: every later Write fails.
//
// The returned conn has CloseWrite if conn has it, but no ReadFrom, so io.Copy to it
// copies through a buffer. Several goroutines may use it; their Writes do not mix.
func Timeout(conn net.Conn, d time.Duration) net.Conn {
	if d <= 0 {
		return conn
	}
	c := &limited{Conn: conn, limit: d, turn: make(chan struct{}, 1)}
	c.read.set, c.write.set = conn.SetReadDeadline, conn.SetWriteDeadline
	if half, ok := conn.(closeWriter); ok {
		return struct { // callers look for CloseWrite by type assertion
			*limited
			closeWriter
		}{c, half}
	}
	return c
}

type closeWriter interface{ CloseWrite() error }

type limited struct {
	net.Conn
	limit time.Duration
	turn  chan struct{} // holds a token during a Write

	mu          sync.Mutex // guards the rest, and the order in which deadlines are set
	read, write direction
}

// direction is the state of reading or of writing.
type direction struct {
	set     func(time.Time) error // SetReadDeadline or SetWriteDeadline of the conn
	waiting int                   // calls that have not returned
	until   time.Time             // when those calls time out
	user    time.Time             // the deadline set by the user; zero means none
}

// apply sets the earlier of the two deadlines. It fails only if the conn is closed.
func (d *direction) apply() error {
	if !d.user.IsZero() && d.user.Before(d.until) {
		return d.set(d.user)
	}
	return d.set(d.until)
}

// begin starts the idle time of a call, unless that of another call is running.
func (c *limited) begin(d *direction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.waiting++; d.waiting == 1 {
		d.until = time.Now().Add(c.limit)
		d.apply() // error dropped: a closed conn fails the call too
	}
}

func (c *limited) end(d *direction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.waiting--
}

// progress restarts the idle time of both directions.
func (c *limited) progress() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.until = time.Now().Add(c.limit)
	c.write.until = c.read.until
	c.read.apply() // error dropped: a closed conn fails the next call
	c.write.apply()
}

func (c *limited) Read(p []byte) (int, error) {
	c.begin(&c.read)
	defer c.end(&c.read)
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.progress()
	}
	return n, err
}

func (c *limited) Write(p []byte) (written int, err error) {
	c.begin(&c.write)
	defer c.end(&c.write)
	c.turn <- struct{}{} // the pieces of two Writes must not mix
	defer func() { <-c.turn }()
	for {
		n, err := c.Conn.Write(p[written:min(len(p), written+piece)])
		written += n
		if n > 0 {
			c.progress()
		}
		// A piece written in part is progress, so go on. If the deadline was the user's,
		// the next Write fails too.
		slow := n > 0 && errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !slow || written == len(p) {
			return written, err
		}
	}
}

// setUser sets the user's deadline, which also applies to pending calls.
func (c *limited) setUser(t time.Time, directions ...*direction) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range directions {
		d.user = t
		err = d.apply() // the same for both: an error means a closed conn
	}
	return err
}

func (c *limited) SetDeadline(t time.Time) error { return c.setUser(t, &c.read, &c.write) }

func (c *limited) SetReadDeadline(t time.Time) error { return c.setUser(t, &c.read) }

func (c *limited) SetWriteDeadline(t time.Time) error { return c.setUser(t, &c.write) }
