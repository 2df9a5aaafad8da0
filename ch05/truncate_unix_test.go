//go:build unix

package ch05_test

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// ReadMsgUDP returns the flags of recvmsg(2): MSG_TRUNC says that the tail was lost.
func TestTruncateFlag(t *testing.T) {
	receiver, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	deadline := time.Now().Add(30 * time.Second) // for a lost datagram
	if err := receiver.SetReadDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	sender, err := net.Dial("udp", receiver.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	for _, tc := range []struct {
		message string
		cut     bool
	}{{"hello", false}, {"hello!", true}, {"", false}} {
		if _, err := sender.Write([]byte(tc.message)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		n, _, flags, from, err := receiver.ReadMsgUDPAddrPort(buf, nil)
		if err != nil {
			t.Fatal(err)
		}
		if cut := flags&syscall.MSG_TRUNC != 0; cut != tc.cut {
			t.Errorf("%q in 5 bytes: MSG_TRUNC = %v, want %v", tc.message, cut, tc.cut)
		}
		t.Logf("%q from %v in a buffer of 5: %d bytes, flags %#x", tc.message, from, n, flags)
	}
}
