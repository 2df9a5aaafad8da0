package ch04_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"network-programming-with-go/ch04/internal/conns"
)

// A net.Conn is enough for most programs. Behind one from net.Dial or a listener, for
// "tcp", is a *net.TCPConn, which has more to offer. Ask with the comma: a wrapped
// conn (TLS, a rate limit, a test) is not one.
func TestTCPConnByAssertion(t *testing.T) {
	l := conns.Listen(t)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("Dial returned a %T", conn)
	}
	if _, ok := net.Conn(struct{ net.Conn }{conn}).(*net.TCPConn); ok {
		t.Error("a wrapped conn is a *net.TCPConn")
	}
	for name, err := range map[string]error{
		"SetKeepAliveConfig": tcp.SetKeepAliveConfig(net.KeepAliveConfig{
			Enable: true, Idle: time.Minute, Interval: 10 * time.Second, Count: 3,
		}),
		"SetLinger":      tcp.SetLinger(5),
		"SetNoDelay":     tcp.SetNoDelay(false),
		"SetReadBuffer":  tcp.SetReadBuffer(64 << 10),
		"SetWriteBuffer": tcp.SetWriteBuffer(64 << 10),
		"CloseWrite":     tcp.CloseWrite(),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A receiver that does not read closes its window. The sender's buffer fills, and a
// write blocks forever, unless it has a deadline. That does not break the conn: what
// was taken is on its way, the rest may follow.
func TestZeroWindow(t *testing.T) {
	t.Parallel()
	conn, peer := conns.TCPPair(t)
	conn.SetWriteBuffer(16 << 10) // to stall soon; the test needs neither
	peer.SetReadBuffer(16 << 10)
	var sent int
	chunk := make([]byte, 64<<10)
	for {
		conn.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) // conn is open
		n, err := conn.Write(chunk)
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) && n == 0 {
			t.Logf("stalled after %d bytes: %v", sent, err)
			break
		} else if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}

	received := make(chan error, 1) // now the peer reads, and the window opens
	const rest = "and the rest"
	go func() {
		n, err := io.Copy(io.Discard, peer)
		if want := int64(sent + len(rest)); err == nil && n != want {
			err = fmt.Errorf("the peer read %d bytes, want %d", n, want)
		}
		received <- err
	}()
	conn.SetWriteDeadline(time.Time{}) // the old one is still in force
	if _, err := io.WriteString(conn, rest); err != nil {
		t.Errorf("write after the stall: %v", err)
	}
	conn.Close()
	if err := <-received; err != nil {
		t.Error(err)
	}
}
