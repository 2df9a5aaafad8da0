package ch05_test

import (
	"net"
	"net/netip"
	"testing"

	"network-programming-with-go/ch05/internal/conns"
)

// An unconnected socket receives from all. The client waits for the response of its
// server, but first it reads a datagram from an unknown sender, here the interloper. Only
// the sender's address shows that, and an address can be forged: only cryptography proves
// who sent a datagram.
func TestListenPacketUDP(t *testing.T) {
	client, server, interloper := conns.ListenUDP(t), conns.ListenUDP(t), conns.ListenUDP(t)
	if _, err := client.WriteTo([]byte("ping"), server.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if _, err := interloper.WriteTo([]byte("not yours"), client.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	n, from, err := server.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.WriteTo(buf[:n], from); err != nil {
		t.Fatal(err)
	}

	n, from, err = client.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	if string(buf[:n]) != "not yours" || from.String() != interloper.LocalAddr().String() {
		t.Errorf("first datagram is %q from %v, want the interloper's", buf[:n], from)
	}
	t.Logf("%v asked %v and read %q from %v", client.LocalAddr(), server.LocalAddr(),
		buf[:n], from)
}

// A client with an unconnected socket must skip what others send.
func TestListenPacketUDPChecksSender(t *testing.T) {
	client, server, interloper := conns.ListenUDP(t), conns.ListenUDP(t), conns.ListenUDP(t)
	for range 3 {
		if _, err := interloper.WriteTo([]byte("not yours"), client.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.WriteTo([]byte("response"), client.LocalAddr()); err != nil {
		t.Fatal(err)
	}

	peer := server.LocalAddr().(*net.UDPAddr).AddrPort()
	buf := make([]byte, 1024)
	n, skipped, err := listenPacketReadFrom(client, buf, peer)
	if err != nil || string(buf[:n]) != "response" || skipped != 3 {
		t.Errorf("read %q, %v after %d of others; want the response after 3", buf[:n], err,
			skipped)
	}
}

// listenPacketReadFrom reads the next datagram from peer and counts those it skips. Set
// one deadline before the call, or others can keep the loop going forever.
func listenPacketReadFrom(conn *net.UDPConn, p []byte, peer netip.AddrPort) (n, skipped int,
	err error) {
	for {
		n, from, err := conn.ReadFromUDPAddrPort(p)
		if err != nil {
			return 0, skipped, err
		}
		// A socket for both families reports IPv4 senders as ::ffff:192.0.2.1.
		if netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) == peer {
			return n, skipped, nil
		}
		skipped++
	}
}

// Each read returns one whole datagram, however fast they arrive.
func TestListenPacketUDPKeepsBoundaries(t *testing.T) {
	receiver, sender := conns.ListenUDP(t), conns.ListenUDP(t)
	for _, message := range []string{"one", "", "three"} {
		if _, err := sender.WriteTo([]byte(message), receiver.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one", "", "three"} { // 0 bytes are a datagram, not io.EOF
		buf := make([]byte, 1024)
		n, _, err := receiver.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("ReadFrom = %q, %v; want %q", buf[:n], err, want)
		}
	}
}
