package main

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"sync"
	"time"

	"network-programming-with-go/ch04"
)

// Copy with: ../monitor.go, ../proxy.go, ../relay.go, ../relay_linux.go,
// ../relay_pipe_linux.go, ../relay_other.go.

const grace = 5 * time.Second // for open connections after a signal

type proxy struct {
	to      string
	dialer  net.Dialer
	relay   ch04.Relay
	log     *slog.Logger
	monitor io.Writer // nil: do not log the traffic
}

// serve owns l, the connections and the goroutines: all are gone when it returns.
func (p *proxy) serve(ctx context.Context, l net.Listener) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by grace
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(ctx, func() {
		l.Close() // unblocks Accept
		time.AfterFunc(grace, cancel)
	})()
	defer l.Close()
	const firstPause, maxPause = 5 * time.Millisecond, time.Second
	pause := firstPause
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = firstPause
			wg.Go(func() { p.handle(work, conn) })
		case ctx.Err() != nil:
			return
		default:
			// Out of descriptors or memory, or a peer gone before its turn: to end
			// would drop all connections for the sake of one.
			p.log.Warn("accept failed", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, maxPause)
		}
	}
}

// handle owns client.
func (p *proxy) handle(ctx context.Context, client net.Conn) {
	defer client.Close()
	peer := client.RemoteAddr()
	server, err := p.dialer.DialContext(ctx, "tcp", p.to)
	if err != nil {
		p.log.Warn("connecting failed", "client", peer, "error", err)
		if tcp, ok := client.(*net.TCPConn); ok {
			tcp.SetLinger(0) // a reset: an empty answer would look like one
		}
		return
	}
	if p.monitor != nil {
		name := peer.String() + " -> "
		client = monitored(client, log.New(p.monitor, name, log.Lmicroseconds|log.Lmsgprefix))
		name = peer.String() + " <- "
		server = monitored(server, log.New(p.monitor, name, log.Lmicroseconds|log.Lmsgprefix))
	}
	switch err := p.relay.Run(ctx, client, server); {
	case errors.Is(err, ch04.ErrIdle):
		p.log.Info("idle connection ended", "client", peer)
	case err != nil:
		p.log.Warn("connection failed", "client", peer, "error", err)
	}
}

// A monitoredConn logs what is read from it. It embeds the interface, not the
// *net.TCPConn, whose WriteTo would pass the log by.
type monitoredConn struct {
	net.Conn
	r io.Reader
}

func monitored(c net.Conn, l *log.Logger) net.Conn {
	return monitoredConn{c, io.TeeReader(c, &ch04.Monitor{Logger: l})}
}

func (c monitoredConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// What Proxy looks for in a conn, to pass on ends and resets.
func (c monitoredConn) CloseWrite() error       { return c.Conn.(*net.TCPConn).CloseWrite() }
func (c monitoredConn) SetLinger(sec int) error { return c.Conn.(*net.TCPConn).SetLinger(sec) }
