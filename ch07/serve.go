package ch07

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Serve accepts connections from l, runs handle for each in its own goroutine, and closes
// them after it. It returns nil when ctx ends, or a permanent error of l.Accept, such as
// net.ErrClosed. By then l is closed and all handlers have returned.
//
// The context of the handlers ends when l is closed, so a client whose connection ends then
// finds no socket file. A handler has to watch it: Serve does not interrupt reads.
func Serve(ctx context.Context, l net.Listener,
	handle func(ctx context.Context, conn net.Conn)) error {
	var wg sync.WaitGroup
	defer wg.Wait() // runs last: no goroutine outlives Serve
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the connections if l has failed
	conns, endConns := context.WithCancel(context.Background())
	wg.Go(func() { <-ctx.Done(); l.Close(); endConns() }) // unblocks Accept
	for {
		conn, err := accept(ctx, l)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		wg.Go(func() { defer conn.Close(); handle(conns, conn) })
	}
}

// accept returns the next connection of l, or an error if ctx has ended. After an error
// that passes it tries again: after 5 ms, doubled with each failure in a row, up to 1 s.
func accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		conn, err := l.Accept()
		switch {
		case err == nil && ctx.Err() != nil:
			conn.Close() // too late to be served
			return nil, ctx.Err()
		case err == nil || !acceptPasses(err):
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// acceptPasses reports whether Accept may succeed after err, as when connections end.
func acceptPasses(err error) bool {
	errno, _ := errors.AsType[syscall.Errno](err)
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, // too many in use
		syscall.ECONNABORTED, syscall.EPROTO, // the client has gone
		10024, 10053, 10054, 10055: // the same on Windows
		return true
	}
	return false
}
