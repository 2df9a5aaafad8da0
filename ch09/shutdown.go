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
func shutdown(ctx context.Context, srv *http.Server, silent *silentConns) error {
	for start := time.Now(); ; {
		round, cancel := context.WithTimeout(ctx, shutdownRound)
		err := srv.Shutdown(round)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			return err
		}
		if time.Since(start) >= silentTime {
			silent.close()
		}
	}
}

// silentConns are the connections that have sent no request yet. Shutdown itself waits up
// to 10 s for an HTTP/2 client that says nothing after the TLS handshake.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func watchSilent(srv *http.Server) *silentConns {
	silent := &silentConns{conns: make(map[net.Conn]struct{})}
	hook := srv.ConnState
	srv.ConnState = func(conn net.Conn, state http.ConnState) {
		silent.mu.Lock()
		if state == http.StateNew {
			silent.conns[conn] = struct{}{}
		} else {
			delete(silent.conns, conn)
		}
		silent.mu.Unlock()
		if hook != nil {
			hook(conn, state)
		}
	}
	return silent
}

func (s *silentConns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}
