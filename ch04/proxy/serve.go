package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"network-programming-with-go/ch04"
)

// Copy with: ../idle.go, ../monitor.go, ../proxy.go.

const grace = 5 * time.Second // for open connections after a signal

var errStopped = errors.New("the proxy has stopped")

type proxy struct {
	to      string
	dialer  net.Dialer
	copies  ch04.Proxy
	idle    time.Duration // 0 is no limit
	log     *slog.Logger
	monitor io.Writer // nil: do not log the traffic
}

// serve owns l, the connections and the goroutines: all are gone when it returns.
func (p *proxy) serve(ctx context.Context, l net.Listener) error {
	work, end := context.WithCancelCause(context.WithoutCancel(ctx)) // outlives ctx by grace
	defer end(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { <-ctx.Done(); l.Close() }) // unblocks Accept
	context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { end(errStopped) }) })
	l = acceptLog{l, p.log}
	for {
		conn, err := accept(ctx, l)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		wg.Go(func() { p.handle(work, conn) })
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

// acceptLog logs the errors of Accept, those that pass too.
type acceptLog struct {
	net.Listener
	log *slog.Logger
}

func (l acceptLog) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Warn("accept failed", "error", err)
	}
	return conn, err
}

// handle owns client.
func (p *proxy) handle(ctx context.Context, client net.Conn) {
	defer client.Close()
	peer := client.RemoteAddr()
	server, err := p.dialer.DialContext(ctx, "tcp", p.to)
	if err != nil {
		p.log.Warn("connecting failed", "client", peer, "error", err)
		if tcp, ok := client.(*net.TCPConn); ok {
			tcp.SetLinger(0) // a reset: an empty response would look like one
		}
		return
	}
	if p.monitor != nil {
		client = monitored(client, p.monitor, peer.String()+" -> ")
		server = monitored(server, p.monitor, peer.String()+" <- ")
	}
	if p.idle > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		timer := time.AfterFunc(p.idle, func() { cancel(ch04.ErrIdle) })
		defer timer.Stop()
		client = ch04.IdleConn{Conn: client, Timer: timer, Limit: p.idle}
		server = ch04.IdleConn{Conn: server, Timer: timer, Limit: p.idle}
	}
	switch err := p.copies.Run(ctx, client, server); {
	case errors.Is(err, ch04.ErrIdle):
		p.log.Info("idle connection ended", "client", peer)
	case err != nil:
		p.log.Warn("connection failed", "client", peer, "error", err)
	}
}

// A monitoredConn logs what is read from it. The conn's WriteTo would pass the log by, so it
// is hidden.
type monitoredConn struct {
	net.Conn
	r io.Reader
}

func monitored(c net.Conn, w io.Writer, name string) net.Conn {
	l := log.New(w, name, log.Lmicroseconds|log.Lmsgprefix)
	return monitoredConn{c, io.TeeReader(c, &ch04.Monitor{Logger: l})}
}

func (c monitoredConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// What Proxy.Run looks for in a conn, to pass on ends and resets.
func (c monitoredConn) CloseWrite() error       { return c.Conn.(*net.TCPConn).CloseWrite() }
func (c monitoredConn) SetLinger(sec int) error { return c.Conn.(*net.TCPConn).SetLinger(sec) }
