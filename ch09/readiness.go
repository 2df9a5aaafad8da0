package ch09

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// Readiness is the handler of a readiness check: 200 until its Context's parent ends, then
// 503. A load balancer or Kubernetes learns from it that it must stop sending requests
// here. That takes a moment, in which the listener must stay open, or new connections
// are refused (kubernetes issue 86280). The zero value is ready.
type Readiness struct {
	// Delay is how long the server goes on accepting while the check fails. It should be
	// longer than two checks take.
	Delay time.Duration

	stopping atomic.Bool
}

// Context returns the context to give to Run in place of ctx. When ctx ends, the check
// fails at once, and the returned context ends after Delay.
func (c *Readiness) Context(ctx context.Context) context.Context {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		c.stopping.Store(true)
		time.AfterFunc(c.Delay, cancel)
	})
	return later
}

// ServeHTTP implements http.Handler.
func (c *Readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if c.stopping.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n") // error: the client has gone away
}
