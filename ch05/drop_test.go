package ch05_test

import (
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// A slow receiver loses datagrams: when the receive buffer is full, the system drops what
// arrives. Every write succeeds, connected or not, and no read fails. Only the numbers
// that this program puts into its datagrams show the gap.
func TestDropFullReceiveBuffer(t *testing.T) {
	t.Run("connected", func(t *testing.T) { dropFull(t, true) })
	t.Run("unconnected", func(t *testing.T) { dropFull(t, false) })
}

func dropFull(t *testing.T, connected bool) {
	receiver, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	if err := receiver.SetReadBuffer(16 << 10); err != nil { // 16 KiB
		t.Fatal(err)
	}
	write, done := dropSender(t, connected, receiver.LocalAddr())
	defer done()
	const (
		datagrams = 200
		size      = 1024 // bytes each: 200 KiB, far more than the buffer
		last      = 0xffffffff
	)
	send := func(number uint32) {
		t.Helper()
		p := make([]byte, size)
		binary.BigEndian.PutUint32(p, number)
		if n, err := write(p); n != size || err != nil {
			t.Fatalf("Write = %d, %v; want success: the sender gets no error", n, err)
		}
	}
	for number := range uint32(datagrams) {
		send(number)
	}

	// The deadline bounds a failure of this test. To find the end of the queue, send a last
	// datagram before each read until there is room for one.
	if err := receiver.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	received := uint32(0)
	for p := make([]byte, size); ; received++ {
		send(last)
		if _, err := receiver.Read(p); err != nil {
			t.Fatalf("Read: %v; want no error: the receiver gets none either", err)
		}
		number := binary.BigEndian.Uint32(p)
		if number == last {
			break
		}
		if number != received {
			t.Fatalf("datagram %d, want %d: there is room for the first ones", number, received)
		}
	}
	if received == 0 || received == datagrams {
		t.Errorf("received %d of %d datagrams, want some, but not all", received, datagrams)
	}
	t.Logf("sent %d datagrams of %d bytes, received %d, lost %d", datagrams, size, received,
		datagrams-received)
}

// dropSender returns how to write to address from a socket of one of the two kinds.
func dropSender(t *testing.T, connected bool, address net.Addr) (
	write func(p []byte) (int, error), done func() error) {
	t.Helper()
	if connected {
		conn, err := net.Dial("udp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		return conn.Write, conn.Close
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return func(p []byte) (int, error) { return conn.WriteTo(p, address) }, conn.Close
}
