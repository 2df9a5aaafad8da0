package conns

import (
	"net"
	"testing"
	"time"
)

// limit bounds a failure: UDP may drop a datagram even on loopback.
const limit = 30 * time.Second

// ListenUDP returns a UDP socket with a free port and a deadline.
func ListenUDP(t testing.TB) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) // an error means that the test has closed it
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.UDPConn)
}

// DialUDP returns a UDP socket that is connected to an address and has a deadline.
func DialUDP(t testing.TB, address string) *net.UDPConn {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() }) // an error means that the test has closed it
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.UDPConn)
}
