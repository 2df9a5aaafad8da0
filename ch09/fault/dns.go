package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Copy with: connections.go, main.go, options.go, resources.go, serve.go, sockets_linux.go, sockets_other.go.

// dns serves the zone fault.test on loopback, over UDP.
func dns(ctx context.Context, f *fault) error {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer conn.Close() // ends serveDNS
	f.listening(conn.LocalAddr())
	f.wg.Go(func() { serveDNS(conn) })
	return f.hold(ctx, "a name server for fault.test, over UDP only",
		`dig @127.0.0.1 -p "$PORT" www.fault.test A`,
		`dig @127.0.0.1 -p "$PORT" slow.fault.test`)
}

// serveDNS responds to queries until conn is closed.
func serveDNS(conn net.PacketConn) {
	buf := make([]byte, 512) // RFC 1035, section 2.3.4: UDP messages are at most 512 bytes
	for {
		n, peer, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return // any other error leaves n bytes, maybe 0
		}
		response, delay := respond(buf[:n])
		switch {
		case response == nil: // not a query, or meant to be lost
		case delay == 0:
			conn.WriteTo(response, peer) // error dropped: UDP may lose it anyway
		default:
			time.AfterFunc(delay, func() { conn.WriteTo(response, peer) }) // as above, or closed
		}
	}
}

const (
	dnsZone                                    = "\x05fault\x04test\x00" // as on the wire: each label after its length
	dnsHeader                                  = 12                      // bytes, RFC 1035, section 4.1.1
	typeA                                      = 1
	typeANY                                    = 255 // RFC 8482: one record is enough
	classIN                                    = 1
	rcodeFormErr, rcodeServFail, rcodeNXDomain = 1, 2, 3
	rcodeNotImp, rcodeRefused                  = 4, 5
)

// dnsName is what the server knows of a name.
type dnsName struct {
	addr  string // of its A record, or ""
	rcode byte
	delay time.Duration
	lost  bool // there is no response
}

var dnsNames = map[string]dnsName{
	dnsZone:                {}, // the zone exists, without an address
	"\x03www" + dnsZone:    {addr: "\xc0\x00\x02\x50"},
	"\x04slow" + dnsZone:   {addr: "\xc0\x00\x02\x51", delay: 500 * time.Millisecond},
	"\x06broken" + dnsZone: {rcode: rcodeServFail},
	"\x04lost" + dnsZone:   {lost: true},
}

// respond returns the response to one query and how long to delay it. The response is
// nil if q is not a query, or is for the name that is lost. It holds the header, the
// question as it came, and at most one A record, so forged queries gain little.
func respond(q []byte) (response []byte, delay time.Duration) {
	const isResponse, opcode, recurse = 0x80, 0x78, 0x01
	if len(q) < dnsHeader || q[2]&isResponse != 0 {
		return nil, 0 // a response to a response could go on forever
	}
	name, end := question(q)
	qtype, class := binary.BigEndian.Uint16(q[end-4:]), binary.BigEndian.Uint16(q[end-2:])
	r, known := dnsNames[name]
	switch {
	case name == "":
		r = dnsName{rcode: rcodeFormErr}
	case q[2]&opcode != 0: // 0 is a standard query
		r = dnsName{rcode: rcodeNotImp}
	case class != classIN || !strings.HasSuffix(name, dnsZone):
		r = dnsName{rcode: rcodeRefused}
	case !known:
		r = dnsName{rcode: rcodeNXDomain}
	case r.lost:
		return nil, 0
	}
	response = append(response, q[:end]...)
	response[2] = 0x84 | q[2]&(opcode|recurse) // a response, authoritative
	response[3] = 0x80 | r.rcode               // recursion available, or dig warns
	clear(response[4:dnsHeader])               // no records yet; EDNS is ignored
	if name != "" {
		response[5] = 1 // question
	}
	if r.addr != "" && (qtype == typeA || qtype == typeANY) {
		response[7] = 1 // record: the name of the question, type, class, 60 s, 4 bytes
		response = append(response, 0xc0, dnsHeader, 0, typeA, 0, classIN, 0, 0, 0, 60, 0, 4)
		response = append(response, r.addr...)
	}
	return response, r.delay
}

// question returns the name that a query asks for, in lower case and as on the wire, and
// the index of the question's end. Unless q holds exactly one well-formed question (RFC
// 9619, and RFC 1035, section 4.1.2), the name is "" and the end is that of the header.
func question(q []byte) (name string, end int) {
	i := dnsHeader
	for i < len(q) && q[i] != 0 && q[i] <= 63 { // above 63: a pointer, but to what?
		i += 1 + int(q[i])
	}
	// A name has at most 255 bytes, its zero byte included. Type and class follow it.
	end = i + 1 + 4
	if q[4] != 0 || q[5] != 1 || end > len(q) || q[i] != 0 || i+1-dnsHeader > 255 {
		return "", dnsHeader
	}
	return strings.ToLower(string(q[dnsHeader : i+1])), end // lengths are not letters
}

// lookup is not a fault. It prints the addresses that Go's resolver finds, or the server
// of -server. GODEBUG chooses the pure Go resolver or the C library's.
func lookup(ctx context.Context, f *fault) error {
	f.exists = true // so that a failure counts even if the time is up
	resolver := net.DefaultResolver
	if f.server != "" {
		resolver = &net.Resolver{PreferGo: true}
		resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, f.server)
		}
	}
	start := time.Now()
	addrs, err := resolver.LookupNetIP(ctx, "ip", f.arg)
	f.log.Printf("lookup: took %v", time.Since(start).Round(time.Millisecond))
	if e, ok := errors.AsType[*net.DNSError](err); ok && f.server != "" && e.Server != "" {
		e.Server = f.server // not the system's, which was never asked
	}
	for _, a := range addrs {
		if _, err := fmt.Fprintln(f.stdout, a.Unmap()); err != nil {
			return err
		}
	}
	return err
}
