package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Copy with: connections.go, dns_message.go, files.go, main.go, options.go, resources.go,
// serve.go, sockets_linux.go, sockets_other.go.

// dns serves the zone fault.test on loopback, over UDP.
func dns(ctx context.Context, f *fault) error {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer pc.Close()
	context.AfterFunc(ctx, func() { pc.Close() }) // unblocks ReadFrom
	fmt.Fprintf(f.stderr, "listening on %s\n", pc.LocalAddr())
	_, port, _ := net.SplitHostPort(pc.LocalAddr().String()) // cannot fail: it is an address
	err = f.ready("a name server for fault.test, over UDP only", []string{
		`dig @127.0.0.1 -p "$PORT" www.fault.test A`,
		`dig @127.0.0.1 -p "$PORT" slow.fault.test`}, "PORT", port)
	if err != nil {
		return err
	}
	buf := make([]byte, 512) // RFC 1035, section 2.3.4: UDP messages are at most 512 bytes
	for {
		n, peer, err := pc.ReadFrom(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil: // as on Windows for a datagram longer than buf
			continue
		}
		response, delay := respond(buf[:n])
		switch {
		case response == nil: // not a query, or meant to be lost
		case delay == 0:
			pc.WriteTo(response, peer) // error dropped: UDP may lose it anyway
		default:
			time.AfterFunc(delay, func() { pc.WriteTo(response, peer) }) // as above, or closed
		}
	}
}

// lookup is not a fault. It looks up a name with Go's resolver, or asks the server of
// -server, and prints the addresses. GODEBUG chooses the pure Go resolver or the C
// library's.
func lookup(ctx context.Context, f *fault) error {
	resolver := net.DefaultResolver
	if f.server != "" {
		resolver = &net.Resolver{
			PreferGo: true,
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, network, f.server)
			},
		}
	}
	start := time.Now()
	addrs, err := resolver.LookupNetIP(ctx, "ip", f.arg)
	f.say("lookup: took %v", time.Since(start).Round(time.Millisecond))
	if e, ok := errors.AsType[*net.DNSError](err); ok && f.server != "" && e.Server != "" {
		e.Server = f.server // not the system's, which was never asked
	}
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if _, err := fmt.Fprintln(f.stdout, a.Unmap()); err != nil {
			return err
		}
	}
	return nil
}
