package ch04

import (
	"errors"
	"net"
	"time"
)

// ErrIdle is the reason to give when the Timer of an IdleConn fires.
var ErrIdle = errors.New("idle: nothing moved for too long")

// An IdleConn starts a timer again with each Read and Write that moves bytes, so that the
// timer fires after Limit without any. Several conns may share one, as the two of a Proxy:
//
//	ctx, cancel := context.WithCancelCause(ctx)
//	timer := time.AfterFunc(limit, func() { cancel(ErrIdle) })
//	defer timer.Stop()
//	err := p.Run(ctx, IdleConn{client, timer, limit}, IdleConn{server, timer, limit})
//
// A Write counts when it returns, so a peer that takes longer than Limit for one is idle.
type IdleConn struct {
	net.Conn
	Timer *time.Timer
	Limit time.Duration
}

// Moved starts the timer again. It is for those who read and write the conn within, as
// package splice does.
func (c IdleConn) Moved() { c.Timer.Reset(c.Limit) }

// NetConn returns the conn within.
func (c IdleConn) NetConn() net.Conn { return c.Conn }

// Read reads from the conn within.
func (c IdleConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.Moved()
	}
	return n, err
}

// Write writes to the conn within.
func (c IdleConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.Moved()
	}
	return n, err
}

// CloseWrite passes on the end, as Proxy.Run wants it.
func (c IdleConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetLinger makes Close a reset, as Proxy.Run wants it.
func (c IdleConn) SetLinger(sec int) error {
	if tcp, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok {
		return tcp.SetLinger(sec)
	}
	return errors.ErrUnsupported
}
