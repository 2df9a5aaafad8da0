package ch05_test

import (
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// A connected socket hears its peer only: the kernel drops what others send.
func TestDialUDP(t *testing.T) {
	server, interloper := dialUDPListen(t), dialUDPListen(t)
	client := dialUDP(t, server.LocalAddr().String())
	for range 3 {
		_, err := interloper.WriteTo([]byte("not yours"), client.LocalAddr())
		if err != nil && !dialUDPIsRefused(err) { // some systems tell the sender
			t.Fatal(err)
		}
	}
	if _, err := client.Write([]byte("ping")); err != nil { // no address: it has one
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

	n, err = client.Read(buf) // the interloper's came before it
	if err != nil || string(buf[:n]) != "ping" {
		t.Errorf("Read = %q, %v; want the server's ping", buf[:n], err)
	}
	t.Logf("%v, connected to %v, read %q", client.LocalAddr(), client.RemoteAddr(), buf[:n])
}

// Dial sends nothing, so it succeeds with nobody there; the first write does as well. The
// answer of the peer's system, "port unreachable", comes back as the error of a later call.
func TestDialUDPRefused(t *testing.T) {
	if runtime.GOOS == "plan9" {
		t.Skip("no such error there")
	}
	gone := dialUDPListen(t)
	address := gone.LocalAddr().String()
	gone.Close()
	client := dialUDP(t, address)
	if client.LocalAddr().String() == address { // it may, the port being free
		t.Skip("the system has connected the socket to itself")
	}
	if n, err := client.Write([]byte("anybody?")); n != 8 || err != nil {
		t.Errorf("Write = %d, %v; want 8, nil: nobody knows yet", n, err)
	}
	_, err := client.Read(make([]byte, 1))
	if !dialUDPIsRefused(err) {
		t.Errorf("Read error = %v, want syscall.ECONNREFUSED", err)
	}
	t.Log(err)
}

// An unconnected socket is not told: the error would not say which peer it is about.
func TestDialUDPRefusedOnlyIfConnected(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a rule of Linux (udp(7), IP_RECVERR): others differ")
	}
	gone, client := dialUDPListen(t), dialUDPListen(t)
	gone.Close()
	for range 2 {
		if _, err := client.WriteTo([]byte("anybody?"), gone.LocalAddr()); err != nil {
			t.Errorf("WriteTo a closed port = %v, want nil", err)
		}
	}
	// Sent to itself, to have something to read: an error would come first.
	if _, err := client.WriteTo([]byte("me"), client.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, _, err := client.ReadFrom(buf); err != nil || string(buf[:n]) != "me" {
		t.Errorf("ReadFrom = %q, %v; want no error", buf[:n], err)
	}
}

// Addressing another peer is an error of the program, and is reported as such.
func TestDialUDPHasItsPeer(t *testing.T) {
	server, other := dialUDPListen(t), dialUDPListen(t)
	client := dialUDP(t, server.LocalAddr().String()).(*net.UDPConn)
	_, err := client.WriteTo([]byte("x"), other.LocalAddr())
	if !errors.Is(err, net.ErrWriteToConnected) {
		t.Errorf("WriteTo on a connected socket = %v, want net.ErrWriteToConnected", err)
	}
}

func dialUDPIsRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.Errno(10054)) // WSAECONNRESET: what Windows says for UDP
}

func dialUDP(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func dialUDPListen(t *testing.T) net.PacketConn {
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
