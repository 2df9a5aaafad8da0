//go:build unix

package ch05_test

import (
	"syscall"
	"testing"

	"network-programming-with-go/ch05/internal/conns"
)

// ReadMsgUDP returns the flags of recvmsg(2): MSG_TRUNC means that the rest was lost.
func TestTruncateFlag(t *testing.T) {
	receiver := conns.ListenUDP(t)
	sender := conns.DialUDP(t, receiver.LocalAddr().String())
	for _, tt := range []struct {
		message string
		cut     bool
	}{{"hello", false}, {"hello!", true}, {"", false}} {
		if _, err := sender.Write([]byte(tt.message)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		n, _, flags, from, err := receiver.ReadMsgUDPAddrPort(buf, nil)
		if err != nil {
			t.Fatal(err)
		}
		if cut := flags&syscall.MSG_TRUNC != 0; cut != tt.cut {
			t.Errorf("%q in 5 bytes: MSG_TRUNC = %v, want %v", tt.message, cut, tt.cut)
		}
		t.Logf("%q from %v in a buffer of 5: %d bytes, flags %#x", tt.message, from, n, flags)
	}
}
