package ch04

import (
	"errors"
	"net"
	"time"
)

// ErrIdle is the reason to give when the Timer of an IdleConn fires.
var ErrIdle = errors.New("idle: nothing moved for too long")

// An IdleConn starts a timer again with each Read and Write that moves bytes, so that the
// timer fires after Limit without any. The two conns of a Proxy share one:
//
//	ctx, cancel := context.WithCancelCause(ctx)
//	timer := time.AfterFunc(limit, func() { cancel(ErrIdle) })
//	defer timer.Stop()
//	err := p.Run(ctx, IdleConn{client, timer, limit}, IdleConn{server, timer, limit})
//
// A Write counts when it returns: a peer that takes longer than Limit for one is idle.
type IdleConn struct {
	net.Conn
	Timer *time.Timer
	Limit time.Duration
}

// Read reads from the conn within.
func (c IdleConn) Read(p []byte) (n int, err error) {
	if n, err = c.Conn.Read(p); n > 0 {
		c.Moved()
	}
	return n, err
}

// Write writes to the conn within.
func (c IdleConn) Write(p []byte) (n int, err error) {
	if n, err = c.Conn.Write(p); n > 0 {
		c.Moved()
	}
	return n, err
}

// NetConn returns the conn within. Package splice reads and writes it, and calls Moved.
func (c IdleConn) NetConn() net.Conn { return c.Conn }

// Moved starts the timer again.
func (c IdleConn) Moved() { c.Timer.Reset(c.Limit) }

// CloseWrite passes on an end, if the conn within can.
func (c IdleConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetLinger makes Close a reset, if the conn within can.
func (c IdleConn) SetLinger(sec int) error {
	if tcp, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok {
		return tcp.SetLinger(sec)
	}
	return errors.ErrUnsupported
}
