package ch09

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	shutdownRound = 500 * time.Millisecond // between two calls of Shutdown
	silentTime    = 5 * time.Second        // that a connection has for its first request, once ctx ends
)

// shutdown calls Shutdown again and again. Each call asks the HTTP/2 connections to go, but
// only those that have finished their handshake by then (golang/go issue 81153).
func shutdown(ctx context.Context, srv *http.Server, closeSilent func()) error {
	for start := time.Now(); ; {
		round, cancel := context.WithTimeout(ctx, shutdownRound)
		err := srv.Shutdown(round)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
		if time.Since(start) >= silentTime {
			closeSilent()
		}
	}
}

// watchSilent returns a function that closes the connections which have sent no request yet.
// Shutdown waits up to 10 s for an HTTP/2 client that says nothing after the TLS handshake.
func watchSilent(srv *http.Server) (closeSilent func()) {
	var mu sync.Mutex
	silent := make(map[net.Conn]bool)
	hook := srv.ConnState
	srv.ConnState = func(conn net.Conn, state http.ConnState) {
		mu.Lock()
		if delete(silent, conn); state == http.StateNew {
			silent[conn] = true
		}
		mu.Unlock()
		if hook != nil {
			hook(conn, state)
		}
	}
	return func() {
		mu.Lock()
		defer mu.Unlock()
		for conn := range silent {
			conn.Close()
		}
	}
}
