package ch03

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// ServeGrace is how long handlers may run after the context of [Serve] ends.
const ServeGrace = 5 * time.Second

// Serve accepts connections from l and runs handle for each in its own goroutine. It
// returns nil when ctx ends, or a permanent error of l.Accept, such as net.ErrClosed. By
// then l and all connections are closed and all handlers have returned.
//
// When ctx ends, reads of a handler's conn fail with os.ErrDeadlineExceeded, so a handler
// that waits for a request returns. Writes work until [ServeGrace] later, to finish a
// response. Then conn is closed. A handler that waits for anything else must watch ctx. So
// Serve does not suit a proxy: its streams must go on reading, as those of ch04/proxy do.
//
// A panic in handle ends the program. To set limits wrap l; for HTTP use http.Server.
func Serve(ctx context.Context, l net.Listener,
	handle func(ctx context.Context, conn net.Conn)) error {
	var wg sync.WaitGroup
	defer wg.Wait() // runs last: no goroutine outlives Serve
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()                            // ends the handlers if l has failed
	wg.Go(func() { <-ctx.Done(); l.Close() }) // unblocks Accept
	for {
		conn, err := accept(ctx, l)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		handled := make(chan struct{})
		wg.Go(func() { serveClose(ctx, conn, handled) })
		wg.Go(func() { defer close(handled); handle(ctx, conn) })
	}
}

// serveClose closes conn when its handler has ended, or ServeGrace after the end of ctx.
func serveClose(ctx context.Context, conn net.Conn, handled <-chan struct{}) {
	defer conn.Close()
	select {
	case <-handled:
	case <-ctx.Done():
		conn.SetReadDeadline(time.Unix(1, 0)) // ends reads; cannot fail: conn is open
		select {
		case <-handled:
		case <-time.After(ServeGrace):
		}
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
