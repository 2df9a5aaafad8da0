package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// Copy with: connections.go, main.go, resources.go, serve.go, sockets_linux.go,
// sockets_other.go.

// Response codes of RFC 1035, section 4.1.1.
const (
	rcodeOK       = 0
	rcodeFormErr  = 1
	rcodeServFail = 2
	rcodeNXDomain = 3
	rcodeNotImp   = 4
	rcodeRefused  = 5
)

const (
	dnsZone  = "fault.test"
	dnsDelay = 500 * time.Millisecond // of slow.fault.test
	dnsSlow  = 64                     // delayed answers at a time; more are dropped
	typeA    = 1
	classIN  = 1
)

// dns answers on loopback, in UDP, for the zone fault.test.
func dns(ctx context.Context, f *fault) error {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // runs before Wait: ends delayed answers
	defer pc.Close()
	context.AfterFunc(ctx, func() { pc.Close() }) // unblocks ReadFrom
	fmt.Fprintf(f.stderr, "listening on %s\n", pc.LocalAddr())
	f.ready("a name server for "+dnsZone, []string{
		`dig @127.0.0.1 -p "$PORT" www.fault.test A`,
		`dig @127.0.0.1 -p "$PORT" slow.fault.test`}, "PORT", portOf(pc.LocalAddr()))
	slots := make(chan struct{}, dnsSlow)
	buf := make([]byte, 512) // RFC 1035, section 2.3.4: UDP messages are at most 512 bytes
	for {
		n, peer, err := pc.ReadFrom(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // on Windows: a long datagram, or a peer that is gone
			continue
		}
		reply, delay := answer(buf[:n])
		switch {
		case reply == nil: // no query, or meant to be lost
		case delay == 0:
			pc.WriteTo(reply, peer) // error: UDP may lose it anyway
		default:
			select {
			case slots <- struct{}{}:
			default:
				continue
			}
			wg.Go(func() {
				defer func() { <-slots }()
				if wait(ctx, delay) {
					pc.WriteTo(reply, peer) // error: UDP may lose it anyway
				}
			})
		}
	}
}

// answer returns the reply to one query and how long to hold it back, or nil if q is
// no query, or for the name that is lost. The reply is the header, the question as it
// came, and at most one A record: forged queries gain little.
func answer(q []byte) ([]byte, time.Duration) {
	const header, isReply, opcode, recurse = 12, 0x80, 0x78, 0x01
	if len(q) < header || q[2]&isReply != 0 {
		return nil, 0 // to answer a reply could go on for ever
	}
	name, end, ok := question(q, header)
	var rcode byte
	var addr []byte
	var delay time.Duration
	switch {
	case !ok:
		rcode, end = rcodeFormErr, header
	case q[2]&opcode != 0: // 0 is a standard query
		rcode = rcodeNotImp
	case binary.BigEndian.Uint16(q[end-2:]) != classIN:
		rcode = rcodeRefused
	case name == "lost."+dnsZone:
		return nil, 0
	case name == "slow."+dnsZone:
		addr, delay = []byte{192, 0, 2, 81}, dnsDelay
	case name == "www."+dnsZone:
		addr = []byte{192, 0, 2, 80}
	case name == "broken."+dnsZone:
		rcode = rcodeServFail
	case name == dnsZone:
		rcode = rcodeOK // the zone exists, without an address
	case strings.HasSuffix(name, "."+dnsZone):
		rcode = rcodeNXDomain
	default:
		rcode = rcodeRefused
	}
	reply := append([]byte(nil), q[:end]...)
	reply[2] = 0x84 | q[2]&(opcode|recurse) // a reply, authoritative
	reply[3] = 0x80 | rcode                 // recursion available, so that dig does not warn
	clear(reply[4:header])                  // no records yet; EDNS is not answered
	if ok {
		reply[5] = 1 // question
	}
	if addr != nil && binary.BigEndian.Uint16(q[end-4:]) == typeA {
		reply[7] = 1
		reply = append(reply, 0xc0, header, 0, typeA, 0, classIN, 0, 0, 0, 60, 0, 4)
		reply = append(reply, addr...)
	}
	return reply, delay
}

// question returns the name that a query asks for, in lower case and without the last
// dot, and where the question ends. It is false unless there is just one well-formed
// question, RFC 9619. The name starts at i: RFC 1035, section 4.1.2.
func question(q []byte, i int) (name string, end int, ok bool) {
	if binary.BigEndian.Uint16(q[4:]) != 1 {
		return "", 0, false
	}
	var labels []string
	for start := i; i < len(q); {
		n := int(q[i])
		i++
		if n == 0 {
			if len(q) < i+4 {
				return "", 0, false // no room for type and class
			}
			return strings.ToLower(strings.Join(labels, ".")), i + 4, true
		}
		// 63 is the longest label; larger is a pointer, senseless in the first name.
		// A name has at most 255 bytes, its lengths included.
		if n > 63 || i+n >= len(q) || i+n-start >= 255 {
			return "", 0, false
		}
		// A dot within a label does not end it.
		labels = append(labels, strings.ReplaceAll(string(q[i:i+n]), ".", `\046`))
		i += n
	}
	return "", 0, false
}

// lookup is no fault: it asks Go's resolver, by GODEBUG the pure Go one or the C
// library's, or the server of -server, and prints the addresses.
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
		e.Server = f.server // not the one of the system, which was never asked
	}
	if err != nil {
		return err
	}
	for _, a := range addrs {
		fmt.Fprintln(f.stdout, a.Unmap())
	}
	return nil
}
