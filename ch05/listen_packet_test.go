package ch05_test

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// An unconnected socket receives from anyone. The client has asked a server and waits for
// its answer, but what it reads first is an interloper's datagram: only the sender's
// address tells. (And even that can be forged: it takes cryptography to be sure.)
func TestListenPacketUDP(t *testing.T) {
	client, server, interloper := listenPacketUDP(t), listenPacketUDP(t), listenPacketUDP(t)
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

// What a client with an unconnected socket must do: skip all that others send.
func TestListenPacketUDPChecksSender(t *testing.T) {
	client, server, interloper := listenPacketUDP(t), listenPacketUDP(t), listenPacketUDP(t)
	for range 3 {
		if _, err := interloper.WriteTo([]byte("not yours"), client.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.WriteTo([]byte("answer"), client.LocalAddr()); err != nil {
		t.Fatal(err)
	}

	peer := server.LocalAddr().(*net.UDPAddr).AddrPort()
	buf := make([]byte, 1024)
	n, skipped, err := listenPacketReadFrom(client.(*net.UDPConn), buf, peer)
	if err != nil || string(buf[:n]) != "answer" || skipped != 3 {
		t.Errorf("read %q, %v after %d of others; want the answer after 3", buf[:n], err,
			skipped)
	}
}

// listenPacketReadFrom reads the next datagram from peer, and counts those it skips. The
// deadline must be set before, and once: others could keep the loop going for ever.
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

// Each datagram is read whole and alone, however soon they follow each other.
func TestListenPacketUDPKeepsBoundaries(t *testing.T) {
	receiver, sender := listenPacketUDP(t), listenPacketUDP(t)
	for _, message := range []string{"one", "", "three"} {
		if _, err := sender.WriteTo([]byte(message), receiver.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one", "", "three"} { // 0 bytes are a datagram, no EOF
		buf := make([]byte, 1024)
		n, _, err := receiver.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("ReadFrom = %q, %v; want %q", buf[:n], err, want)
		}
	}
}

// listenPacketUDP returns a socket with a deadline: UDP may drop, even on loopback.
func listenPacketUDP(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}
