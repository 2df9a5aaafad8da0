// Package idle limits how long a connection may be idle.
package idle

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

const piece = 32 << 10 // 32 KiB of a Write that count as progress

// Timeout returns conn with a limit: a Read or Write that waits fails with
// os.ErrDeadlineExceeded when for d no byte has moved in either direction. It closes
// nothing. The deadlines of the returned conn work as well. If d is 0 or less, Timeout
// returns conn itself. For streams only: a large Write is several Writes of conn.
//
// Under http.Server a read is pending while a handler runs, so the context of a handler
// that thinks longer than d is canceled: use the timeouts of the server. Over TLS a Write
// that timed out ends the connection: every later Write fails.
//
// The returned conn has CloseWrite if conn has it, but no ReadFrom, so io.Copy to it
// copies through a buffer. It may be used by several goroutines; their Writes do not mix.
func Timeout(conn net.Conn, d time.Duration) net.Conn {
	if d <= 0 {
		return conn
	}
	c := &limited{Conn: conn, limit: d, turn: make(chan struct{}, 1)}
	c.read.set, c.write.set = conn.SetReadDeadline, conn.SetWriteDeadline
	if half, ok := conn.(closeWriter); ok {
		return struct { // a type assertion tells what conn can do
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

// direction is what one of reading and writing needs.
type direction struct {
	set     func(time.Time) error // SetReadDeadline or SetWriteDeadline of the conn
	waiting int                   // calls that have not returned
	until   time.Time             // when those have been idle for too long
	user    time.Time             // the deadline set by the user; zero means none
}

// apply sets the earlier of the two deadlines. It fails only if the conn is closed.
func (d *direction) apply() error {
	if !d.user.IsZero() && d.user.Before(d.until) {
		return d.set(d.user)
	}
	return d.set(d.until)
}

// begin starts the time of a call, unless the time of another one is running.
func (c *limited) begin(d *direction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.waiting++; d.waiting == 1 {
		d.until = time.Now().Add(c.limit)
		d.apply() // a closed conn fails the call as well
	}
}

func (c *limited) end(d *direction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.waiting--
}

// progress starts the time of both directions again.
func (c *limited) progress() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.until = time.Now().Add(c.limit)
	c.write.until = c.read.until
	c.read.apply() // a closed conn fails the next call
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
		// A part of the piece is progress. A deadline of the user fails again.
		slow := n > 0 && errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !slow || written == len(p) {
			return written, err
		}
	}
}

// setUser takes a deadline of the user, which applies at once.
func (c *limited) setUser(t time.Time, directions ...*direction) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range directions {
		d.user = t
		err = d.apply() // both fail if the conn is closed
	}
	return err
}

func (c *limited) SetDeadline(t time.Time) error { return c.setUser(t, &c.read, &c.write) }

func (c *limited) SetReadDeadline(t time.Time) error { return c.setUser(t, &c.read) }

func (c *limited) SetWriteDeadline(t time.Time) error { return c.setUser(t, &c.write) }
