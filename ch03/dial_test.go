package ch03_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// What one side writes the other reads, whole and in order; then the FIN is io.EOF.
func TestDial(t *testing.T) {
	client, server := dialPair(t)
	t.Logf("client %v -> %v, server %v <- %v", client.LocalAddr(), client.RemoteAddr(),
		server.LocalAddr(), server.RemoteAddr())
	if client.LocalAddr().String() != server.RemoteAddr().String() {
		t.Errorf("server sees %v, want %v", server.RemoteAddr(), client.LocalAddr())
	}

	const sent = "data before the FIN is not lost"
	if _, err := io.WriteString(client, sent); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil { // before anybody has read a byte
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

// CloseWrite ends one direction: "that was my question". The answer still comes.
func TestDialHalfClose(t *testing.T) {
	client, server := dialPair(t)
	if _, err := io.WriteString(client, "question"); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	question, err := io.ReadAll(server)
	if err != nil || string(question) != "question" {
		t.Fatalf("server read %q, %v; want the question", question, err)
	}
	if _, err := io.WriteString(server, "answer"); err != nil {
		t.Fatalf("write to a peer that has half-closed: %v", err)
	}
	server.Close()

	answer, err := io.ReadAll(client)
	if err != nil || string(answer) != "answer" {
		t.Errorf("client read %q, %v; want the answer", answer, err)
	}
	if _, err := client.Write([]byte("more")); !errors.Is(err, syscall.EPIPE) &&
		!errors.Is(err, syscall.Errno(10058)) { // WSAESHUTDOWN, on Windows
		t.Errorf("Write after CloseWrite = %v, want syscall.EPIPE", err)
	}
}

// SetLinger(0) makes Close send a RST: the peer gets an error in place of io.EOF, and
// may lose what it has not read yet. A crashed or killed peer looks like this too.
func TestDialReset(t *testing.T) {
	client, server := dialPair(t)
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

// A port that nobody listens on says so at once: no timeout is involved.
func TestDialRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // its port was free a moment ago and is again
	conn, err := net.Dial("tcp", l.Addr().String())
	if err == nil {
		conn.Close()
		t.Skip("another program took the port in between")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) &&
		!errors.Is(err, syscall.Errno(10061)) { // WSAECONNREFUSED, on Windows
		t.Errorf("Dial error = %v, want syscall.ECONNREFUSED", err)
	}
	if netErr, ok := errors.AsType[net.Error](err); !ok || netErr.Timeout() {
		t.Errorf("Dial error = %v, want a net.Error that is no timeout", err)
	}
	t.Log(err)
}

// The listener's backlog accepts for it: a Dial succeeds before Accept is called.
func TestDialBeforeAccept(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("Dial while nobody accepts: %v", err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Errorf("Write while nobody accepts: %v", err)
	}
}

// dialPair returns both ends of a TCP connection over loopback.
func dialPair(t *testing.T) (client, server *net.TCPConn) {
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
