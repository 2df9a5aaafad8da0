package ch03

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// idleTimeoutPiece is how much of a Write has to get through for it to count.
const idleTimeoutPiece = 32 << 10 // 32 KiB

// IdleTimeout returns conn with a limit on idling: a Read or a Write fails with
// os.ErrDeadlineExceeded when it has waited for d and no byte has moved on conn, in
// either direction, in that time. The failure closes nothing: that is for the caller,
// who closes the returned conn in place of conn.
//
// Progress is a Read that returned bytes, or a Write that handed some to the system,
// counted in pieces of up to 32 KiB; it renews the time of what waits in the other
// direction too, so neither a long download nor a long upload ends for the silence of
// the other side. Time that the program spends between reads and writes does not count;
// calls that wait in the same direction share their time, so a new one adds none. A failed
// Write returns how much it wrote; one that gets a part of a piece through in d goes on,
// and so may take up to 2d to notice that its peer has stopped.
//
// Bytes written count when the system has taken them, which says nothing of the peer.
// A program that writes on its own account, such as heartbeats, sets a read deadline to
// notice a silent peer (see Pinger); against a peer that sends a byte now and then
// set a deadline for the whole exchange. Both go with IdleTimeout: deadlines set by
// SetDeadline and its kin hold as well, whichever comes first.
//
// d of 0 or less means no limit: conn itself is returned. CloseWrite is there if conn
// has it. ReadFrom is not: io.Copy to the returned conn goes through a buffer, not
// through the kernel's splice or sendfile, whose progress nobody sees. For streams only:
// cutting a Write in pieces would break datagrams. Safe for use by several goroutines;
// as with conn, concurrent Writes follow each other whole.
func IdleTimeout(conn net.Conn, d time.Duration) net.Conn {
	if d <= 0 {
		return conn
	}
	c := &idleConn{Conn: conn, idle: d, turn: make(chan struct{}, 1)}
	c.read.set, c.write.set = conn.SetReadDeadline, conn.SetWriteDeadline
	if half, ok := conn.(closeWriter); ok {
		return struct { // so a type assertion tells what conn can do
			*idleConn
			closeWriter
		}{c, half}
	}
	return c
}

type closeWriter interface{ CloseWrite() error }

type idleConn struct {
	net.Conn
	idle time.Duration
	turn chan struct{} // holds a token while a Write writes its pieces

	mu          sync.Mutex // guards what follows, and the order of setting deadlines
	read, write idleDirection
}

// idleDirection is one of reading and writing.
type idleDirection struct {
	set     func(time.Time) error // the conn's SetReadDeadline or SetWriteDeadline
	waiting int                   // calls under way
	until   time.Time             // when they have been idle for too long
	user    time.Time             // the deadline set by the user, zero for none
}

// apply sets the earlier deadline. Its error, of a closed conn, is for the user only: a
// Read or Write finds out by itself.
func (dir *idleDirection) apply() error {
	if !dir.user.IsZero() && dir.user.Before(dir.until) {
		return dir.set(dir.user)
	}
	return dir.set(dir.until)
}

// begin starts the time of a call, unless another one is waiting: its time runs on.
func (c *idleConn) begin(dir *idleDirection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if dir.waiting++; dir.waiting == 1 {
		dir.until = time.Now().Add(c.idle)
		dir.apply()
	}
}

func (c *idleConn) end(dir *idleDirection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir.waiting--
}

// progress renews the time of both directions.
func (c *idleConn) progress() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.until = time.Now().Add(c.idle)
	c.write.until = c.read.until
	c.read.apply()
	c.write.apply()
}

func (c *idleConn) Read(p []byte) (int, error) {
	c.begin(&c.read)
	defer c.end(&c.read)
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.progress()
	}
	return n, err
}

func (c *idleConn) Write(p []byte) (written int, err error) {
	c.begin(&c.write)
	defer c.end(&c.write)
	c.turn <- struct{}{} // a Write is whole: no piece of another one gets in between
	defer func() { <-c.turn }()
	for {
		piece := p[written:min(len(p), written+idleTimeoutPiece)]
		n, err := c.Conn.Write(piece)
		written += n
		if n > 0 {
			c.progress()
		}
		// A part got through: go on. If it was the user's deadline, it fails again.
		slow := n > 0 && errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !slow || written == len(p) {
			return written, err
		}
	}
}

// setUser takes a deadline of the user's. It holds at once, for calls under way too.
func (c *idleConn) setUser(t time.Time, dirs ...*idleDirection) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, dir := range dirs {
		dir.user = t
		if failed := dir.apply(); err == nil {
			err = failed // of a closed conn both are the same
		}
	}
	return err
}

func (c *idleConn) SetDeadline(t time.Time) error { return c.setUser(t, &c.read, &c.write) }

func (c *idleConn) SetReadDeadline(t time.Time) error { return c.setUser(t, &c.read) }

func (c *idleConn) SetWriteDeadline(t time.Time) error { return c.setUser(t, &c.write) }
