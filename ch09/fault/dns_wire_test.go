package main_test

import (
	"bytes"
	"flag"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"network-programming-with-go/ch09/internal/command"
)

// wireQuery returns a query for the A record of name with the ID 0xff, id.
func wireQuery(id byte, name string) []byte {
	q := []byte{0xff, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0} // one question
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	return append(q, 0, 0, 1, 0, 1) // end of the name, type A, class IN
}

// wireEdit returns a query for fault.test with b at i.
func wireEdit(i int, b byte) []byte {
	q := wireQuery(9, "fault.test")
	q[i] = b
	return q
}

// wireOddities are messages that are not good queries, each with the response code to
// expect, or -1 for no response.
var wireOddities = []struct {
	name  string
	m     []byte
	rcode int
}{
	{"an empty datagram", nil, -1},
	{"a header that is short", wireQuery(9, "fault.test")[:11], -1},
	{"a header alone", wireQuery(9, "fault.test")[:12], 1},
	{"a response, not a query", wireEdit(2, 0x81), -1},
	{"a name that is lost", wireQuery(9, "LOST.fault.test"), -1},
	{"a good name", wireQuery(9, "fault.test"), 0},
	{"an opcode that is not QUERY", wireEdit(2, 0x21), 4},
	{"an opcode for a name that has an address", bytes.Replace(
		wireQuery(9, "www.fault.test"), []byte("\x01\x00\x00\x01"), []byte("\x21\x00\x00\x01"), 1), 4},
	{"no question", wireEdit(5, 0), 1},
	{"two questions", wireEdit(5, 2), 1}, // RFC 9619
	{"257 questions", wireEdit(4, 1), 1},
	{"a label of 63 bytes", wireQuery(9, strings.Repeat("a", 63)+".fault.test"), 3},
	{"a label of 64 bytes", wireQuery(9, strings.Repeat("a", 64)+".fault.test"), 1},
	{"a name of 255 bytes", wireQuery(9, strings.Repeat("a.", 126)+"a"), 5},
	{"a name of 256 bytes", wireQuery(9, strings.Repeat("a.", 126)+"aa"), 1},
	{"a name that points to itself", wireEdit(12, 0xc0), 1},
	{"a name without its end", wireQuery(9, "www.fault.test")[:27], 1},
	{"a label longer than the message", wireEdit(12, 63), 1},
	{"a class that is cut off", wireQuery(9, "www.fault.test")[:31], 1},
	{"a dot within a label", bytes.Replace(wireQuery(9, "www.fault.test"),
		[]byte("\x03www\x05"), []byte("\x09www."), 1), 5},
	{"a class that is not IN", wireEdit(27, 3), 5},
	{"EDNS", append(wireEdit(11, 1), // RFC 6891: an additional record
		0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0), 0},
	{"a long datagram", append(wireQuery(9, "x.fault.test"), make([]byte, 600)...), 3},
}

func TestFaultDNSOddities(t *testing.T) {
	t.Parallel()
	conn := dialWire(t)
	for _, tt := range wireOddities {
		t.Run(tt.name, func(t *testing.T) {
			got := -1
			if response := checkWire(t, conn, tt.m); response != nil {
				got = int(response[3] & 0x0f)
			}
			if got != tt.rcode {
				t.Errorf("response code %d, want %d", got, tt.rcode)
			}
		})
	}
}

// FuzzFaultDNS looks for messages that end the server or that cost it a long response.
func FuzzFaultDNS(f *testing.F) {
	if flag.Lookup("test.fuzz").Value.String() == "" {
		f.Skip("TestFaultDNSOddities sends these messages")
	}
	conn := dialWire(f)
	for _, tt := range wireOddities {
		f.Add(tt.m)
	}
	f.Add(wireQuery(1, "www.fault.test"))
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) > 1400 || bytes.HasPrefix(m, []byte{0xff, 10}) {
			t.Skip("too long for a datagram, or the ID of the good query")
		}
		if bytes.Contains(bytes.ToLower(m), []byte("\x04slow")) {
			t.Skip("its response comes later")
		}
		checkWire(t, conn, m)
	})
}

// dialWire starts the name server and dials it.
func dialWire(t testing.TB) net.Conn {
	t.Helper()
	p := command.StartCmd(t, exec.Command(command.Build(t, "."), "-for", "5m", "dns"))
	addr := strings.TrimPrefix(p.WaitLine(t, "listening on "), "listening on ")
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// checkWire sends m and then a good query, and returns the response to m, or nil if none
// came. The server works in order, so a response to m comes first. It must hold the
// question of m and at most one record, so that forged queries gain little.
func checkWire(t *testing.T, conn net.Conn, m []byte) []byte {
	t.Helper()
	good := wireQuery(10, "www.fault.test")
	for _, message := range [][]byte{m, good} {
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
	}
	first := readWire(t, conn)
	last := first
	if !bytes.HasPrefix(first, good[:2]) {
		last = readWire(t, conn)
	}
	if len(last) != len(good)+16 || !bytes.HasPrefix(last, good[:2]) {
		t.Errorf("after %q the response to the good query is %q", m, last)
	}
	if &first[0] == &last[0] {
		return nil
	}
	end := len(first) - 16*int(first[7]) // of the question
	if len(m) < end || end < 12 || first[7] > 1 || first[2]&0x80 == 0 || m[2]&0x80 != 0 ||
		!bytes.Equal(first[:2], m[:2]) || !bytes.Equal(first[12:end], m[12:end]) ||
		(end > 12) != (first[5] == 1) || !bytes.Equal(first[8:12], make([]byte, 4)) {
		t.Errorf("the response to %q is %q", m, first)
	}
	return first
}

func readWire(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // cannot fail: conn is open
	buf := make([]byte, 1024)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}
