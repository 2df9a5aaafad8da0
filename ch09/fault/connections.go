package main

import (
	"context"
	"fmt"
	"io"
	"net"
)

// Copy with: dns.go, main.go, options.go, resources.go, serve.go, sockets_linux.go, sockets_other.go.

// closeWait keeps accepted connections open after their peers have closed. A handler
// that stops reading, or never calls Close, does the same.
func closeWait(ctx context.Context, f *fault) error {
	for range f.n {
		server, err := f.closedByPeer(ctx)
		if err != nil {
			return err
		}
		server.SetLinger(0) // Close resets, so no FIN-WAIT-2 or TIME-WAIT stays
	}
	return f.hold(ctx, fmt.Sprintf("%d connections stay in CLOSE-WAIT", f.n),
		`ss -Htnp state close-wait sport = :"$PORT"`)
}

// timeWait closes both ends. The first one to close keeps the pair of ports busy for 60 s
// on Linux (RFC 9293, section 3.6.1), even after the process has ended.
func timeWait(ctx context.Context, f *fault) error {
	for range f.n {
		server, err := f.closedByPeer(ctx)
		if err != nil {
			return err
		}
		server.Close() // error: nothing was written
	}
	return f.hold(ctx, fmt.Sprintf("%d connections in TIME-WAIT, for 60 s", f.n),
		`ss -Htn state time-wait dport = :"$PORT"`)
}

// closedByPeer makes a connection, closes its client, and returns its server after the
// end of stream. The server is closed when ctx ends.
func (f *fault) closedByPeer(ctx context.Context) (*net.TCPConn, error) {
	client, err := new(net.Dialer).DialContext(ctx, "tcp", f.addr)
	if err != nil {
		return nil, err
	}
	// The handshake is over, so Accept does not wait. If another process connected
	// first, its connection takes the place of ours and the counts still hold.
	server, err := f.listener.Accept()
	client.Close()
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { server.Close() }) // unblocks Copy, too
	_, err = io.Copy(io.Discard, server)
	return server.(*net.TCPConn), err
}
