package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// Copy with: dns.go, main.go, resources.go, serve.go, sockets_linux.go, sockets_other.go.

// listenLoopback listens on a free port and says so in the one line that all
// servers of this library print. Keep-alive is off: it would end connections in
// CLOSE-WAIT as soon as their peer is forgotten, which is after 60 s on Linux.
func (f *fault) listenLoopback(ctx context.Context) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Fprintf(f.stderr, "listening on %s\n", l.Addr())
	}
	return l, err
}

func portOf(a net.Addr) string {
	return fmt.Sprint(netip.MustParseAddrPort(a.String()).Port())
}

// pair dials l and accepts on it: both ends of one connection, which like everything
// here must not outlast ctx.
func pair(ctx context.Context, l net.Listener) (client, server net.Conn, err error) {
	var d net.Dialer
	client, err = d.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	// The handshake is over, so Accept does not wait. Should a stranger have come
	// first, its connection stands in for ours: the counts hold.
	if server, err = l.Accept(); err != nil {
		client.Close()
		return nil, nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		client.SetDeadline(deadline) // cannot fail: both are open
		server.SetDeadline(deadline)
	}
	return client, server, nil
}

// closeWait keeps accepted connections open although their peers have closed: what a
// handler does that never reads on, or forgets Close.
func closeWait(ctx context.Context, f *fault) error {
	l, err := f.listenLoopback(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	for range f.n {
		client, server, err := pair(ctx, l)
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
	f.ready(fmt.Sprintf("%d connections stay in CLOSE-WAIT", f.n), []string{
		`ss -Htnp state close-wait sport = :"$PORT"`}, "PORT", portOf(l.Addr()))
	<-ctx.Done()
	return nil
}

// timeWait closes connections first: the end that does keeps the port pair busy for
// 60 s on Linux (RFC 9293, section 3.6.1), without a process and after this one ended.
func timeWait(ctx context.Context, f *fault) error {
	l, err := f.listenLoopback(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	for range f.n {
		client, server, err := pair(ctx, l)
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
	f.ready(fmt.Sprintf("%d connections in TIME-WAIT; they leave by themselves after 60 s",
		f.n), []string{`ss -Htn state time-wait dport = :"$PORT"`}, "PORT", portOf(l.Addr()))
	<-ctx.Done()
	return nil
}
