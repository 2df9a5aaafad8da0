package ch05_test

import (
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"

	"network-programming-with-go/ch05/internal/conns"
)

// A connected socket receives from its peer only: the kernel drops what others send.
func TestDialUDP(t *testing.T) {
	server, interloper := conns.ListenUDP(t), conns.ListenUDP(t)
	client := conns.DialUDP(t, server.LocalAddr().String())
	for range 3 {
		_, err := interloper.WriteTo([]byte("not yours"), client.LocalAddr())
		if err != nil && !errors.Is(err, syscall.ECONNREFUSED) { // which some systems report
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

	n, err = client.Read(buf) // the interloper sent first
	if err != nil || string(buf[:n]) != "ping" {
		t.Errorf("Read = %q, %v; want the server's ping", buf[:n], err)
	}
	t.Logf("%v, connected to %v, read %q", client.LocalAddr(), client.RemoteAddr(), buf[:n])
}

// Dial sends nothing, so it succeeds although nothing listens there, and so does the
// first Write. The response of the peer's system, "port unreachable", is the error of a
// later call. On Windows package net turns that report off (SIO_UDP_CONNRESET).
func TestDialUDPRefused(t *testing.T) {
	if runtime.GOOS == "plan9" {
		t.Skip("no such error there")
	}
	gone := conns.ListenUDP(t)
	address := gone.LocalAddr().(*net.UDPAddr)
	gone.Close()
	client := conns.DialUDP(t, address.String())
	if client.LocalAddr().String() == address.String() { // its port was free
		t.Skip("the system has connected the socket to itself")
	}
	if n, err := client.Write([]byte("anyone?")); n != 7 || err != nil {
		t.Errorf("Write = %d, %v; want 7, nil: the error comes later", n, err)
	}
	if runtime.GOOS == "windows" {
		server, err := net.ListenUDP("udp", address)
		if err != nil {
			t.Skip("another program took the port in between")
		}
		defer server.Close()
		if _, err := server.WriteTo([]byte("now"), client.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 16)
		if n, err := client.Read(buf); err != nil || string(buf[:n]) != "now" {
			t.Errorf("Read = %q, %v; want the datagram: no error is reported", buf[:n], err)
		}
		return
	}
	_, err := client.Read(make([]byte, 1))
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Read error = %v, want syscall.ECONNREFUSED", err)
	}
	t.Log(err)
}

// An unconnected socket gets no such error, which could not say which peer refused.
func TestDialUDPRefusedOnlyIfConnected(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a rule of Linux (udp(7), IP_RECVERR): others differ")
	}
	gone, client := conns.ListenUDP(t), conns.ListenUDP(t)
	gone.Close()
	for range 2 {
		if _, err := client.WriteTo([]byte("anyone?"), gone.LocalAddr()); err != nil {
			t.Errorf("WriteTo a closed port = %v, want nil", err)
		}
	}
	// A datagram to itself gives it something to read: an error would come first.
	if _, err := client.WriteTo([]byte("me"), client.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, _, err := client.ReadFrom(buf); err != nil || string(buf[:n]) != "me" {
		t.Errorf("ReadFrom = %q, %v; want me, nil", buf[:n], err)
	}
}

// A connected socket cannot send to another peer.
func TestDialUDPHasItsPeer(t *testing.T) {
	server, other := conns.ListenUDP(t), conns.ListenUDP(t)
	client := conns.DialUDP(t, server.LocalAddr().String())
	_, err := client.WriteTo([]byte("x"), other.LocalAddr())
	if !errors.Is(err, net.ErrWriteToConnected) {
		t.Errorf("WriteTo on a connected socket = %v, want net.ErrWriteToConnected", err)
	}
}
