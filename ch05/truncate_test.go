package ch05_test

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// A datagram is read once. What does not fit the buffer is lost, and Read does not say
// so (but on Windows): the next Read returns the next datagram, not the rest.
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
	t.Logf("%q read into 5 bytes is %q, and then comes %q", "hello, world", short, buf[:n])
}

// The portable way to notice: a buffer one byte larger than the largest good message.
func TestTruncateNoticed(t *testing.T) {
	receiver, sender := truncatePair(t)
	const limit = 5
	for _, tc := range []struct {
		message string
		whole   bool
	}{{"hi", true}, {"hello", true}, {"hello!", false}, {"hello, world", false}} {
		if _, err := sender.Write([]byte(tc.message)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, limit+1)
		n, err := receiver.Read(buf)
		if whole := err == nil && n <= limit; whole != tc.whole {
			t.Errorf("Read of %q into limit+1 bytes = %d, %v; whole = %v, want %v",
				tc.message, n, err, whole, tc.whole)
		}
	}
}

// truncatePair returns a receiver and a sender connected to it, with deadlines: UDP may
// drop, even on loopback.
func truncatePair(t *testing.T) (receiver *net.UDPConn, sender net.Conn) {
	t.Helper()
	receiver, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { receiver.Close() })
	sender, err = net.Dial("udp", receiver.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sender.Close() })
	if err := receiver.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return receiver, sender
}
