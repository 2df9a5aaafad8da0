package ch03_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"network-programming-with-go/ch03/internal/conns"
)

// What the client writes, the server reads, complete and in order. The FIN is io.EOF.
func TestDial(t *testing.T) {
	client, server := conns.TCPPair(t)
	t.Logf("client %v -> %v, server %v <- %v", client.LocalAddr(), client.RemoteAddr(),
		server.LocalAddr(), server.RemoteAddr())
	if client.LocalAddr().String() != server.RemoteAddr().String() {
		t.Errorf("server sees %v, want %v", server.RemoteAddr(), client.LocalAddr())
	}

	const sent = "data before the FIN is not lost"
	if _, err := io.WriteString(client, sent); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil { // before the server has read a byte
		t.Fatal(err)
	}

	got, err := io.ReadAll(server) // reads until io.EOF, which it does not return
	if err != nil || string(got) != sent {
		t.Errorf("ReadAll = %q, %v; want %q, nil", got, err, sent)
	}
	if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read after the FIN = %d, %v; want 0, io.EOF each time", n, err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read of a conn we closed = %v, want net.ErrClosed", err)
	}
}

// CloseWrite ends one direction: the request is complete. The response still arrives.
func TestDialHalfClose(t *testing.T) {
	client, server := conns.TCPPair(t)
	if _, err := io.WriteString(client, "request"); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	request, err := io.ReadAll(server)
	if err != nil || string(request) != "request" {
		t.Fatalf("server read %q, %v; want the request", request, err)
	}
	if _, err := io.WriteString(server, "response"); err != nil {
		t.Fatalf("write to a peer that has half-closed: %v", err)
	}
	server.Close()

	response, err := io.ReadAll(client)
	if err != nil || string(response) != "response" {
		t.Errorf("client read %q, %v; want the response", response, err)
	}
	if _, err := client.Write([]byte("more")); !errors.Is(err, syscall.EPIPE) &&
		!errors.Is(err, syscall.Errno(10058)) { // WSAESHUTDOWN, on Windows
		t.Errorf("Write after CloseWrite = %v, want syscall.EPIPE", err)
	}
}

// SetLinger(0) makes Close send a reset (RST): the peer gets an error instead of io.EOF
// and may lose what it has not read yet. A peer that crashed looks the same.
func TestDialReset(t *testing.T) {
	client, server := conns.TCPPair(t)
	if err := client.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	client.Close()
	_, err := server.Read(make([]byte, 1))
	if !errors.Is(err, syscall.ECONNRESET) &&
		!errors.Is(err, syscall.Errno(10054)) { // WSAECONNRESET, on Windows
		t.Errorf("Read error = %v, want syscall.ECONNRESET", err)
	}
	t.Log(err)
}

// A write succeeds once the system has taken the bytes, even if the peer has closed. Only a
// later call reports it.
func TestDialWriteToClosed(t *testing.T) {
	client, server := conns.TCPPair(t)
	client.Close()
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("Read error = %v, want io.EOF", err)
	}
	if _, err := server.Write([]byte("x")); err != nil {
		t.Errorf("first Write to a peer that has closed = %v, want nil", err)
	}
	var err error
	for err == nil { // until the reset has arrived
		_, err = server.Write([]byte("x"))
	}
	t.Log(err)
}

// A port on which nothing listens refuses at once, without a timeout.
func TestDialRefused(t *testing.T) {
	conn, err := net.Dial("tcp", conns.Refused(t))
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) &&
		!errors.Is(err, syscall.Errno(10061)) { // WSAECONNREFUSED, on Windows
		t.Errorf("Dial error = %v, want syscall.ECONNREFUSED", err)
	}
	if netErr, ok := errors.AsType[net.Error](err); !ok || netErr.Timeout() {
		t.Errorf("Dial error = %v, want a net.Error that is not a timeout", err)
	}
	t.Log(err)
}

// Dial succeeds before Accept is called: the kernel completes the handshake and queues
// the connection.
func TestDialBeforeAccept(t *testing.T) {
	l := conns.Listen(t)
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("Dial before Accept: %v", err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Errorf("Write before Accept: %v", err)
	}
}
