package conns

import (
	"net"
	"testing"
)

// Listen returns a TCP listener with a free port.
func Listen(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // an error means that the test has closed it
	return l.(*net.TCPListener)
}

// TCPPair returns the two ends of a TCP connection.
func TCPPair(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// Refused returns a TCP address that refuses connections. It is the local address of a
// connection, so that nobody else can listen there during the test.
func Refused(t testing.TB) string {
	t.Helper()
	client, _ := TCPPair(t)
	return client.LocalAddr().String()
}
