package ch06

import (
	"fmt"
	"strings"
)

// Copy with: packets.go.

// Describe returns a packet in the words of the RFCs, on one line: as
// "RRQ \"boot\" octet blksize=1428", "DATA 3 (1428 bytes)" or "ACK 3". Text of the peer is
// quoted if it is not printable. It is meant for a TraceFunc.
func Describe(packet []byte) string {
	op := opCode(packet)
	switch {
	case op == OpRRQ || op == OpWRQ:
		var q ReadReq
		request := append(appendHeader(nil, OpRRQ, 0)[:2], packet[2:]...) // a WRQ has the same form
		if err := q.UnmarshalBinary(request); err != nil {
			return fmt.Sprintf("%v (%v)", op, err)
		}
		return fmt.Sprintf("%v %q %s%s", op, q.Filename, word(q.Mode), describeOptions(q.Options))
	case op == OpOAck:
		return "OACK" + describeOptions(parseOptions(string(packet[2:])))
	case op == OpErr:
		var e Err
		e.UnmarshalBinary(packet) // cannot fail: it is an ERROR
		return fmt.Sprintf("ERROR %d %q", uint16(e.Code), e.Message)
	case op == OpData && len(packet) >= 4:
		return fmt.Sprintf("DATA %d (%d bytes)", number(packet), len(packet)-4)
	case op == OpAck && len(packet) >= 4:
		return fmt.Sprintf("ACK %d", number(packet))
	}
	return fmt.Sprintf("%v (%d bytes)", op, len(packet))
}

func describeOptions(options []Option) string {
	var b strings.Builder
	for _, o := range options {
		fmt.Fprintf(&b, " %s=%s", word(o.Name), word(o.Value))
	}
	return b.String()
}

// word quotes s unless it is one printable word.
func word(s string) string {
	if quoted := fmt.Sprintf("%q", s); quoted[1:len(quoted)-1] != s || strings.ContainsAny(s, " =") {
		return quoted
	}
	return s
}
