package ch06_test

import (
	"strings"
	"testing"

	"network-programming-with-go/ch06"
)

func TestDescribe(t *testing.T) {
	for _, tt := range []struct{ packet, want string }{
		{"\x00\x01boot\x00octet\x00", `RRQ "boot" octet`},
		{"\x00\x01boot\x00octet\x00blksize\x001428\x00tsize\x000\x00", `RRQ "boot" octet blksize=1428 tsize=0`},
		{"\x00\x01a b\xff\x00OCTET\x00\x00\x00", `RRQ "a b\xff" OCTET`},
		{"\x00\x01f\x00octet", `RRQ (malformed packet: RRQ for "f" without a mode that ends in a zero byte)`},
		{"\x00\x02f\x00netascii\x00", `WRQ "f" netascii`},
		{"\x00\x02", `WRQ (malformed packet: RRQ without a file name)`},
		{"\x00\x03\x00\x03" + strings.Repeat("x", 1428), "DATA 3 (1428 bytes)"},
		{"\x00\x03\xff\xff", "DATA 65535 (0 bytes)"},
		{"\x00\x03\x00", "DATA (3 bytes)"},
		{"\x00\x04\x00\x03", "ACK 3"},
		{"\x00\x04\x01\x00padding", "ACK 256"},
		{"\x00\x04\x00", "ACK (3 bytes)"},
		{"\x00\x05\x00\x01no such file\x00", `ERROR 1 "no such file"`},
		{"\x00\x05\x00\x00\x1b[2J", `ERROR 0 "\x1b[2J"`},
		{"\x00\x05", `ERROR 0 ""`},
		{"\x00\x06tsize\x0010\x00windowsize\x004\x00", "OACK tsize=10 windowsize=4"},
		{"\x00\x06a b\x00=\x00\x1b\x00x\"y\x00", `OACK "a b"="=" "\x1b"="x\"y"`},
		{"\x00\x06", "OACK"},
		{"\x00\x07", "opcode 7 (2 bytes)"},
		{"\xff\xff???", "opcode 65535 (5 bytes)"},
		{"\x00", "opcode 0 (1 bytes)"},
		{"", "opcode 0 (0 bytes)"},
	} {
		if got := ch06.Describe([]byte(tt.packet)); got != tt.want {
			t.Errorf("Describe(%.40q) = %s, want %s", tt.packet, got, tt.want)
		}
	}
}

// Whatever comes, its description is one printable line.
func FuzzDescribe(f *testing.F) {
	f.Add([]byte("\x00\x01f\x00octet\x00blksize\x001428\x00"))
	f.Add([]byte("\x00\x05\x00\x00\x1b[2J\nline"))
	f.Add([]byte("\x00\x06\xe2\x80\xa8\x00\x07\x00"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if got := ch06.Describe(packet); strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x2028 || r == 0xfffd }) {
			t.Errorf("Describe(%.80q) = %.80q, want printable text", packet, got)
		}
	})
}
