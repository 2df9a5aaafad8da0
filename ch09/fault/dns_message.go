package main

import (
	"encoding/binary"
	"strings"
	"time"
)

// Copy with: connections.go, dns.go, files.go, main.go, options.go, resources.go,
// serve.go, sockets_linux.go, sockets_other.go.

const (
	dnsZone   = "\x05fault\x04test\x00" // as on the wire: each label after its length
	dnsHeader = 12                      // bytes, RFC 1035, section 4.1.1
	typeA     = 1
	typeANY   = 255 // RFC 8482: one record is enough
	classIN   = 1
)

// Response codes of RFC 1035, section 4.1.1.
const (
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
	name, end, ok := question(q)
	r, known := dnsNames[name]
	switch {
	case !ok:
		r, end = dnsName{rcode: rcodeFormErr}, dnsHeader
	case q[2]&opcode != 0: // 0 is a standard query
		r = dnsName{rcode: rcodeNotImp}
	case binary.BigEndian.Uint16(q[end-2:]) != classIN:
		r = dnsName{rcode: rcodeRefused}
	case r.lost:
		return nil, 0
	case known:
	case strings.HasSuffix(name, dnsZone):
		r.rcode = rcodeNXDomain
	default:
		r.rcode = rcodeRefused
	}
	response = append(response, q[:end]...)
	response[2] = 0x84 | q[2]&(opcode|recurse) // a response, authoritative
	response[3] = 0x80 | r.rcode               // recursion available, or dig warns
	clear(response[4:dnsHeader])               // no records yet; EDNS is ignored
	if ok {
		response[5] = 1 // question
	}
	if t := binary.BigEndian.Uint16(q[end-4:]); r.addr != "" && (t == typeA || t == typeANY) {
		response[7] = 1 // record: the name of the question, type, class, 60 s, 4 bytes
		response = append(response, 0xc0, dnsHeader, 0, typeA, 0, classIN, 0, 0, 0, 60, 0, 4)
		response = append(response, r.addr...)
	}
	return response, r.delay
}

// question returns the name that a query asks for, in lower case and as on the wire, and
// the index of the question's end. It returns false unless q holds exactly one
// well-formed question: RFC 9619, and RFC 1035, section 4.1.2.
func question(q []byte) (name string, end int, ok bool) {
	if binary.BigEndian.Uint16(q[4:]) != 1 {
		return "", 0, false
	}
	i := dnsHeader
	for i < len(q) && q[i] != 0 {
		if q[i] > 63 { // a pointer, and nothing precedes it
			return "", 0, false
		}
		i += 1 + int(q[i])
	}
	// A name has at most 255 bytes, its zero byte included. Type and class follow it.
	if end = i + 1 + 4; end > len(q) || i+1-dnsHeader > 255 {
		return "", 0, false
	}
	return strings.ToLower(string(q[dnsHeader : i+1])), end, true // lengths are not letters
}
