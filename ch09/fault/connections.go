package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// Copy with: dns.go, dns_message.go, files.go, main.go, options.go, resources.go,
// serve.go, sockets_linux.go, sockets_other.go.

// pair dials the listener and accepts. It returns both ends, with ctx's deadline.
func (f *fault) pair(ctx context.Context) (client, server net.Conn, err error) {
	var d net.Dialer
	client, err = d.DialContext(ctx, "tcp", f.addr)
	if err != nil {
		return nil, nil, err
	}
	// The handshake is over, so Accept does not wait. If another process connected
	// first, its connection takes the place of ours and the counts still hold.
	if server, err = f.listener.Accept(); err != nil {
		client.Close()
		return nil, nil, err
	}
	deadline, _ := ctx.Deadline()
	client.SetDeadline(deadline) // cannot fail: both are open
	server.SetDeadline(deadline)
	return client, server, nil
}

// closeWait keeps accepted connections open after their peers have closed. A handler
// that stops reading, or never calls Close, does the same.
func closeWait(ctx context.Context, f *fault) error {
	for range f.n {
		client, server, err := f.pair(ctx)
		if err != nil {
			return err
		}
		defer func() {
			server.(*net.TCPConn).SetLinger(0) // reset: leave no FIN-WAIT-2 or TIME-WAIT
			server.Close()
		}()
		client.Close()
		if _, err := io.Copy(io.Discard, server); err != nil { // wait for its FIN
			return err
		}
	}
	return f.hold(ctx, fmt.Sprintf("%d connections stay in CLOSE-WAIT", f.n), []string{
		`ss -Htnp state close-wait sport = :"$PORT"`}, "PORT", f.port)
}

// timeWait closes connections before their peers do. The end that closes first keeps the
// pair of ports busy for 60 s on Linux (RFC 9293, section 3.6.1), even after the process
// has ended.
func timeWait(ctx context.Context, f *fault) error {
	for range f.n {
		client, server, err := f.pair(ctx)
		if err != nil {
			return err
		}
		err = client.(*net.TCPConn).CloseWrite()
		_, err1 := io.Copy(io.Discard, server) // the client's FIN comes first
		server.Close()
		_, err2 := io.Copy(io.Discard, client)
		client.Close()
		if err := errors.Join(err, err1, err2); err != nil {
			return err
		}
	}
	return f.hold(ctx, fmt.Sprintf("%d connections in TIME-WAIT, for 60 s", f.n), []string{
		`ss -Htn state time-wait dport = :"$PORT"`}, "PORT", f.port)
}
