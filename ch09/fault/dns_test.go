package main_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch09/internal/command"
)

// TestFaultDNS asks the name server as dig does. A response is the query with other
// flags and counts, and maybe one record of 16 bytes after it.
func TestFaultDNS(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	addr := startFaultDNS(t, bin)
	const typeA, typeMX, typeAAAA, typeANY = 1, 15, 28, 255
	for _, tt := range []struct {
		name    string
		qtype   uint16
		rcode   byte
		address string // of the record, or "" for none
		least   time.Duration
	}{
		{"www.fault.test", typeA, 0, "\xc0\x00\x02\x50", 0},
		{"WWW.Fault.Test", typeA, 0, "\xc0\x00\x02\x50", 0}, // RFC 4343: any case
		{"www.fault.test", typeANY, 0, "\xc0\x00\x02\x50", 0},
		{"www.fault.test", typeAAAA, 0, "", 0},
		{"www.fault.test", typeMX, 0, "", 0},
		{"fault.test", typeA, 0, "", 0},
		{"broken.fault.test", typeA, 2, "", 0},
		{"nosuch.fault.test", typeA, 3, "", 0},
		{"sub.www.fault.test", typeA, 3, "", 0},
		{"notfault.test", typeA, 5, "", 0},
		{"test", typeA, 5, "", 0},
		{"slow.fault.test", typeA, 0, "\xc0\x00\x02\x51", 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // slow takes half a second
			start := time.Now()
			query := []byte{0xff, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0} // ID 0xff07, one question
			for label := range strings.SplitSeq(tt.name, ".") {
				query = append(append(query, byte(len(label))), label...)
			}
			query = binary.BigEndian.AppendUint16(append(query, 0), tt.qtype)
			query = append(query, 0, 1) // class IN
			response := askFaultDNS(t, addr, query)
			want := bytes.Clone(query)
			want[2], want[3] = 0x85, 0x80|tt.rcode // response, authoritative, recursion
			if tt.address != "" {
				want[7] = 1 // one record: a pointer to the name, A, IN, 60 s, 4 bytes
				want = append(want, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04"...)
				want = append(want, tt.address...)
			}
			if !bytes.Equal(response, want) {
				t.Errorf("type %d: response\n%q, want\n%q", tt.qtype, response, want)
			}
			if d := time.Since(start); d < tt.least {
				t.Errorf("the response took %v, want at least %v", d, tt.least)
			}
		})
	}
	t.Run("lookup", func(t *testing.T) {
		got := command.Run(t, bin, "-server", addr, "lookup", "www.fault.test")
		if got.Stdout != "192.0.2.80\n" || got.Status != 0 {
			t.Errorf("lookup www = %+v, want 192.0.2.80", got)
		}
		got = command.Run(t, bin, "-server", addr, "lookup", "nosuch.fault.test")
		if want := " on " + addr + ": no such host"; !strings.Contains(got.Stderr, want) ||
			got.Status != 1 {
			t.Errorf("lookup nosuch = %+v, want %q", got, want)
		}
	})
}

// startFaultDNS runs the name server until the end of the test.
func startFaultDNS(t *testing.T, bin string) (addr string) {
	t.Helper()
	p := command.StartCmd(t, exec.Command(bin, "-for", "5m", "dns"))
	addr = strings.TrimPrefix(p.WaitLine(t, "listening on "), "listening on ")
	t.Cleanup(func() {
		if runtime.GOOS == "windows" { // it has no SIGTERM
			return
		}
		if got := p.Stop(t, syscall.SIGTERM); got.Status != 0 {
			t.Errorf("after SIGTERM: %+v", got)
		}
	})
	return addr
}

// askFaultDNS sends one query and returns the response.
func askFaultDNS(t *testing.T, addr string, query []byte) []byte {
	t.Helper()
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(query); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // cannot fail: conn is open
	buf := make([]byte, 1024)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}
