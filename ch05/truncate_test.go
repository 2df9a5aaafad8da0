package ch05_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"network-programming-with-go/ch05/internal/conns"
)

// A datagram is read once. What does not fit the buffer is lost, and only on Windows does
// Read report it. The next Read returns the next datagram, not the rest.
func TestTruncate(t *testing.T) {
	receiver, sender := truncatePair(t)
	for _, message := range []string{"hello, world", "next"} {
		if _, err := sender.Write([]byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	short := make([]byte, 5)
	n, err := receiver.Read(short)
	if err != nil && !errors.Is(err, syscall.Errno(10040)) { // WSAEMSGSIZE, on Windows
		t.Errorf("Read error = %v, want nil", err)
	}
	if string(short[:n]) != "hello" {
		t.Errorf("Read = %q, want the first 5 bytes", short[:n])
	}
	buf := make([]byte, 1024)
	n, err = receiver.Read(buf)
	if err != nil || string(buf[:n]) != "next" {
		t.Errorf("second Read = %q, %v; want the next datagram", buf[:n], err)
	}
	t.Logf("%q read into 5 bytes is %q, the next read is %q", "hello, world", short, buf[:n])
}

// The portable way to notice: a buffer one byte larger than the largest valid message.
func TestTruncateNoticed(t *testing.T) {
	receiver, sender := truncatePair(t)
	const limit = 5
	for _, tt := range []struct {
		message string
		whole   bool
	}{{"hi", true}, {"hello", true}, {"hello!", false}, {"hello, world", false}} {
		if _, err := sender.Write([]byte(tt.message)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, limit+1)
		n, err := receiver.Read(buf)
		if whole := err == nil && n <= limit; whole != tt.whole {
			t.Errorf("Read of %q into limit+1 bytes = %d, %v; whole = %v, want %v",
				tt.message, n, err, whole, tt.whole)
		}
	}
}

// truncatePair returns a receiver and a sender that is connected to it.
func truncatePair(t *testing.T) (receiver, sender *net.UDPConn) {
	t.Helper()
	receiver = conns.ListenUDP(t)
	return receiver, conns.DialUDP(t, receiver.LocalAddr().String())
}
