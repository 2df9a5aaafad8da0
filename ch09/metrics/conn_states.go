package metrics

import (
	"fmt"
	"net"
	"net/http"
	"sync"
)

// ConnStates counts a server's connections by state. Many that stay new belong to slow or
// silent clients. Many that are active mean that the service is near what it can do at
// once, its saturation. The zero value is ready and safe for concurrent use; it is an
// expvar.Var.
type ConnStates struct {
	mu       sync.Mutex
	states   map[net.Conn]http.ConnState // the open ones; a closed or hijacked one leaves
	accepted int64
}

// Watch makes srv report to c, and still to the ConnState hook that it has. Call it
// before serving. HTTP/2 connections are active while they have an open stream.
func (c *ConnStates) Watch(srv *http.Server) {
	hook := srv.ConnState
	srv.ConnState = func(conn net.Conn, state http.ConnState) {
		c.set(conn, state)
		if hook != nil {
			hook(conn, state)
		}
	}
}

func (c *ConnStates) set(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.states == nil {
		c.states = make(map[net.Conn]http.ConnState)
	}
	if c.states[conn] = state; state == http.StateNew {
		c.accepted++
	} else if state == http.StateClosed || state == http.StateHijacked {
		delete(c.states, conn)
	}
}

// ConnCounts is what ConnStates counts: connections accepted since the start, and those
// open now by state. A new one has sent no request yet.
type ConnCounts struct{ Accepted, New, Active, Idle int64 }

// Counts returns the counts.
func (c *ConnStates) Counts() ConnCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := ConnCounts{Accepted: c.accepted}
	for _, state := range c.states {
		switch state {
		case http.StateNew:
			counts.New++
		case http.StateActive:
			counts.Active++
		case http.StateIdle:
			counts.Idle++
		}
	}
	return counts
}

// String implements expvar.Var: a JSON object.
func (c *ConnStates) String() string {
	n := c.Counts()
	return fmt.Sprintf(`{"accepted":%d,"new":%d,"active":%d,"idle":%d}`, n.Accepted, n.New, n.Active, n.Idle)
}
