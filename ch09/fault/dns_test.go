package main_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startDNS builds the command, runs its name server and dials it.
func startDNS(tb testing.TB) (bin string, conn net.Conn) {
	tb.Helper()
	bin = filepath.Join(tb.TempDir(), "fault")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, out)
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

// dnsQuery returns a query as dig sends it, without EDNS.
func dnsQuery(id uint16, name string, qtype uint16) []byte {
	q := binary.BigEndian.AppendUint16(nil, id)
	q = append(q, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0) // recursion desired, one question
	for label := range strings.SplitSeq(name, ".") {
		q = append(append(q, byte(len(label))), label...)
	}
	q = append(q, 0)
	return append(binary.BigEndian.AppendUint16(q, qtype), 0, 1)
}

// dnsReply reads one reply.
func dnsReply(tb testing.TB, conn net.Conn) []byte {
	tb.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // cannot fail: conn is open
	buf := make([]byte, 1024)
	n, err := conn.Read(buf)
	if err != nil {
		tb.Fatal(err)
	}
	return buf[:n]
}

func TestDNS(t *testing.T) {
	t.Parallel()
	bin, conn := startDNS(t)
	addr := conn.RemoteAddr().String()
	const typeA, typeMX = 1, 15
	// Its answer comes last: the others do not wait for it.
	if _, err := conn.Write(dnsQuery(8, "slow.fault.test", typeA)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		qtype   uint16
		rcode   byte
		address string // of the record, or "" for none
	}{
		{"www.fault.test", typeA, 0, "\xc0\x00\x02\x50"},
		{"WWW.Fault.Test", typeA, 0, "\xc0\x00\x02\x50"}, // RFC 4343: case does not matter
		{"www.fault.test", typeMX, 0, ""},
		{"fault.test", typeA, 0, ""},
		{"broken.fault.test", typeA, 2, ""},
		{"nosuch.fault.test", typeA, 3, ""},
		{"notfault.test", typeA, 5, ""},
	} {
		q := dnsQuery(7, tt.name, tt.qtype)
		if _, err := conn.Write(q); err != nil {
			t.Fatal(err)
		}
		reply := dnsReply(t, conn)
		if got := reply[3] & 0x0f; got != tt.rcode {
			t.Errorf("%s: rcode %d, want %d", tt.name, got, tt.rcode)
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
	if reply, want := dnsReply(t, conn), "\xc0\x00\x02\x51"; reply[1] != 8 ||
		!bytes.HasSuffix(reply, []byte(want)) {
		t.Errorf("slow.fault.test: %q, want the address %q", reply, want)
	}
	// Malformed queries get no answer, so the next reply is for the good one after each.
	long := dnsQuery(9, "", typeA)[:12:12]
	long = append(long, bytes.Repeat([]byte("\x01a"), 128)...) // 257 bytes with its end
	double := append([]byte{0, 9, 1, 0, 0, 2}, dnsQuery(9, "fault.test", typeA)[6:]...)
	reply := append([]byte{0, 9, 0x81}, dnsQuery(9, "fault.test", typeA)[3:]...)
	for name, p := range map[string][]byte{
		"a name over 255 bytes":  append(long, 0, 0, 1, 0, 1),
		"a label over 63 bytes":  dnsQuery(9, strings.Repeat("a", 64)+".fault.test", typeA),
		"no end of the name":     dnsQuery(9, "www.fault.test", typeA)[:27],
		"no room for the class":  dnsQuery(9, "www.fault.test", typeA)[:31],
		"two questions":          double,
		"a reply, not a query":   reply,
		"a header that is short": dnsQuery(9, "fault.test", typeA)[:11],
	} {
		for _, p := range [][]byte{p, dnsQuery(10, "fault.test", typeA)} {
			if _, err := conn.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		if reply := dnsReply(t, conn); reply[1] != 10 {
			t.Errorf("%s was answered: %q", name, reply)
			dnsReply(t, conn) // the good one's
		}
	}
	out, err := exec.Command(bin, "-server", addr, "lookup", "www.fault.test").Output()
	if string(out) != "192.0.2.80\n" || err != nil {
		t.Errorf("lookup www = %q, %v, want 192.0.2.80", out, err)
	}
	out, err = exec.Command(bin, "-server", addr, "lookup", "nosuch.fault.test").CombinedOutput()
	if !strings.Contains(string(out), "no such host") || err == nil {
		t.Errorf("lookup nosuch = %q, %v, want no such host", out, err)
	}
}

// FuzzDNS sends a datagram and then a good query to the running server. The server
// answers in order, so a reply to the datagram, if any, comes first. It must be a reply
// to just that query, with at most one record more, so that forged queries gain little.
func FuzzDNS(f *testing.F) {
	_, conn := startDNS(f)
	good := dnsQuery(0xffff, "www.fault.test", 1)
	f.Add(dnsQuery(1, "www.fault.test", 1))
	f.Add(dnsQuery(2, "lost.fault.test", 1))
	f.Add(dnsQuery(3, "nosuch.fault.test", 28))
	other := dnsQuery(4, "www.fault.test", 1)
	f.Add(other[:len(other)-1])                              // cut in its class
	f.Add(append(other[:12:12], 0xc0, 12, 0, 1, 0, 1))       // a name that points to itself
	f.Add(append([]byte{0, 1, 0x81}, other[3:]...))          // a reply
	f.Add(append(other[:12:12], bytes.Repeat(other, 16)...)) // longer than 512 bytes
	f.Add(append(other[:12:12], bytes.Repeat([]byte("\x01a"), 130)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 1400 || len(in) > 1 && in[0] == 0xff && in[1] == 0xff {
			t.Skip("too long for a datagram, or the ID of the good query")
		}
		if strings.Contains(strings.ToLower(string(in)), "\x04slow") {
			t.Skip("its reply comes later")
		}
		for _, p := range [][]byte{in, good} {
			if _, err := conn.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		reply := dnsReply(t, conn)
		if bytes.Equal(reply[:2], in[:min(2, len(in))]) {
			record := len(reply) // where it starts, if there is one
			if reply[7] == 1 {
				record -= 16
			}
			if reply[2]&0x80 == 0 || in[2]&0x80 != 0 || reply[7] > 1 || record < 12+5 ||
				!bytes.HasPrefix(in[12:], reply[12:record]) {
				t.Errorf("reply %q to %q", reply, in)
			}
			reply = dnsReply(t, conn)
		}
		if len(reply) != len(good)+16 || !bytes.Equal(reply[:2], good[:2]) {
			t.Errorf("after %q the good query got %q", in, reply)
		}
	})
}
