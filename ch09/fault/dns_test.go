package main_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startFaultDNS builds the command, runs its name server and dials it.
func startFaultDNS(tb testing.TB) (bin string, conn net.Conn) {
	tb.Helper()
	bin = filepath.Join(tb.TempDir(), "fault")
	// go run keeps what it has linked and has cp copy it; go build -o would link again.
	build := exec.Command("go", "run", "-exec", "cp", ".", bin)
	if runtime.GOOS == "windows" { // which has no cp
		bin += ".exe"
		build = exec.Command("go", "build", "-o", bin, ".")
	}
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", build, err, out)
	}
	cmd := exec.Command(bin, "-for", "5m", "dns")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if runtime.GOOS == "windows" {
			cmd.Process.Kill() // there is no SIGTERM; its Wait is an error then
			cmd.Wait()
			return
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			tb.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			tb.Errorf("after SIGTERM: %v", err)
		}
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		tb.Fatalf("first line %q, %v", line, err)
	}
	if conn, err = net.Dial("udp", addr); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	tb.Logf("name server on %s", addr)
	return bin, conn
}

// faultQuery returns a query as dig sends it, without EDNS.
func faultQuery(id byte, name string, qtype uint16) []byte {
	q := []byte{0xff, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0} // one question
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	q = append(q, 0)
	return append(binary.BigEndian.AppendUint16(q, qtype), 0, 1)
}

// askFaultDNS sends messages and returns as many replies.
func askFaultDNS(tb testing.TB, conn net.Conn, messages ...[]byte) [][]byte {
	tb.Helper()
	for _, m := range messages {
		if _, err := conn.Write(m); err != nil {
			tb.Fatal(err)
		}
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // cannot fail: conn is open
	var replies [][]byte
	for range messages {
		buf := make([]byte, 1024)
		n, err := conn.Read(buf)
		if err != nil {
			tb.Fatalf("%d replies to %d messages: %v", len(replies), len(messages), err)
		}
		replies = append(replies, buf[:n])
	}
	return replies
}

const (
	faultTypeA    = 1
	faultTypeAAAA = 28
)

// faultOddities are messages that are no good query, with the response code of the
// answer that is due, or -1 if none is.
var faultOddities = []struct {
	name  string
	m     []byte
	rcode int
}{
	{"a header that is short", faultQuery(9, "fault.test", faultTypeA)[:11], -1},
	{"a reply, not a query", faultEdit("fault.test", 2, 0x81), -1},
	{"a name that is lost", faultQuery(9, "LOST.fault.test", faultTypeA), -1},
	{"an opcode that is not QUERY", faultEdit("fault.test", 2, 0x21), 4},
	{"no question", faultEdit("fault.test", 5, 0), 1},
	{"two questions", faultEdit("fault.test", 5, 2), 1}, // RFC 9619
	{"a name of 255 bytes", faultQuery(9, strings.Repeat("a.", 126)+"a", faultTypeA), 5},
	{"a name of 256 bytes", faultQuery(9, strings.Repeat("a.", 126)+"aa", faultTypeA), 1},
	{"a label over 63 bytes", faultQuery(9, strings.Repeat("a", 64)+".test", faultTypeA), 1},
	{"a name that points to itself", faultEdit("fault.test", 12, 0xc0), 1},
	{"no end of the name", faultQuery(9, "www.fault.test", faultTypeA)[:27], 1},
	{"no room for the class", faultQuery(9, "www.fault.test", faultTypeA)[:31], 1},
	{"a dot within a label", bytes.Replace(faultQuery(9, "www.fault.test", faultTypeA),
		[]byte("\x03www\x05"), []byte("\x09www."), 1), 5},
	{"a class that is not IN", faultEdit("fault.test", 27, 3), 5},
	{"EDNS", append(faultEdit("fault.test", 11, 1), // RFC 6891: an additional record
		0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0), 0},
	{"a long datagram", append(faultQuery(9, "x.fault.test", 1), make([]byte, 600)...), 3},
}

// faultEdit returns a query for name with b at i.
func faultEdit(name string, i int, b byte) []byte {
	q := faultQuery(9, name, faultTypeA)
	q[i] = b
	return q
}

func TestFaultDNS(t *testing.T) {
	bin, conn := startFaultDNS(t)
	slow, err := net.Dial("udp", conn.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := slow.Write(faultQuery(8, "slow.fault.test", faultTypeA)); err != nil {
		t.Fatal(err)
	}
	t.Parallel() // the answer takes half a second: let others work meanwhile
	for _, tt := range []struct {
		name    string
		qtype   uint16
		rcode   byte
		address string // of the record, or "" for none
	}{
		{"www.fault.test", faultTypeA, 0, "\xc0\x00\x02\x50"},
		{"WWW.Fault.Test", faultTypeA, 0, "\xc0\x00\x02\x50"}, // RFC 4343: any case
		{"www.fault.test", faultTypeAAAA, 0, ""},
		{"fault.test", faultTypeA, 0, ""},
		{"broken.fault.test", faultTypeA, 2, ""},
		{"nosuch.fault.test", faultTypeA, 3, ""},
		{"notfault.test", faultTypeA, 5, ""},
	} {
		q := faultQuery(7, tt.name, tt.qtype)
		reply := askFaultDNS(t, conn, q)[0]
		if got := reply[3] & 0x0f; got != tt.rcode {
			t.Errorf("%s: response code %d, want %d", tt.name, got, tt.rcode)
		}
		if !bytes.Equal(reply[12:len(q)], q[12:]) {
			t.Errorf("%s: the question came back as %q", tt.name, reply[12:len(q)])
		}
		records := reply[len(q):]
		if tt.address == "" && len(records) > 0 ||
			!bytes.HasSuffix(records, []byte("\x00\x04"+tt.address)) && tt.address != "" {
			t.Errorf("%s: records %q, want %q", tt.name, records, tt.address)
		}
	}
	for _, tt := range faultOddities {
		got := -1
		if reply := checkFaultDNS(t, conn, tt.m); reply != nil {
			got = int(reply[3] & 0x0f)
		}
		if got != tt.rcode {
			t.Errorf("%s: response code %d, want %d", tt.name, got, tt.rcode)
		}
	}
	out, err := exec.Command(bin, "-server", conn.RemoteAddr().String(),
		"lookup", "www.fault.test").Output()
	if string(out) != "192.0.2.80\n" || err != nil {
		t.Errorf("lookup www = %q, %v, want 192.0.2.80", out, err)
	}
	empty := []byte{} // no answer is due to this one, but one is to the query above
	if reply, want := askFaultDNS(t, slow, empty)[0], "\xc0\x00\x02\x51"; reply[1] != 8 ||
		!bytes.HasSuffix(reply, []byte(want)) {
		t.Errorf("slow.fault.test: %q, want the address %q", reply, want)
	}
}

// checkFaultDNS sends m and then a good query. The server answers in order, so a reply
// to m comes first. It must be a reply to just that, with at most one record more, so
// that forged queries gain little. checkFaultDNS returns it, or nil if none came.
func checkFaultDNS(t *testing.T, conn net.Conn, m []byte) []byte {
	t.Helper()
	good := faultQuery(10, "www.fault.test", faultTypeA)
	if _, err := conn.Write(m); err != nil {
		t.Fatal(err)
	}
	first := askFaultDNS(t, conn, good)[0]
	reply := first
	if !bytes.HasPrefix(first, good[:2]) {
		empty := []byte{}
		reply = askFaultDNS(t, conn, empty)[0]
	}
	if len(reply) != len(good)+16 || !bytes.HasPrefix(reply, good[:2]) {
		t.Errorf("after %q the good query got %q", m, reply)
	}
	if &first[0] == &reply[0] {
		return nil
	}
	end := len(first) - 16*int(first[7]) // of the question
	if len(m) < end || end < 12 || first[7] > 1 || first[2]&0x80 == 0 || m[2]&0x80 != 0 ||
		!bytes.Equal(first[:2], m[:2]) || !bytes.Equal(first[12:end], m[12:end]) ||
		(end > 12) != (first[5] == 1) || !bytes.Equal(first[8:12], make([]byte, 4)) {
		t.Errorf("reply %q to %q", first, m)
	}
	return first
}

// FuzzFaultDNS looks for messages that end the server or make it answer too much.
func FuzzFaultDNS(f *testing.F) {
	if flag.Lookup("test.fuzz").Value.String() == "" {
		f.Skip("TestFaultDNS sends these messages to the server that it has running")
	}
	_, conn := startFaultDNS(f)
	for _, tt := range faultOddities {
		f.Add(tt.m)
	}
	f.Add(faultQuery(1, "www.fault.test", faultTypeA))
	f.Add(faultQuery(2, "nosuch.fault.test", faultTypeAAAA))
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) > 1400 || bytes.HasPrefix(m, []byte{0xff, 10}) {
			t.Skip("too long for a datagram, or the ID of the good query")
		}
		if bytes.Contains(bytes.ToLower(m), []byte("\x04slow")) {
			t.Skip("its reply comes later")
		}
		checkFaultDNS(t, conn, m)
	})
}
