package ch04_test

import (
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
	"network-programming-with-go/ch04/splice"
)

// socketsModes are the ways to copy between real sockets. All have to behave the same.
var socketsModes = map[string]struct {
	splice bool
	wrap   func(net.Conn) net.Conn
}{
	"plain":              {false, func(c net.Conn) net.Conn { return c }},
	"plain, idle limit":  {false, socketsIdle},
	"splice":             {true, func(c net.Conn) net.Conn { return c }},
	"splice, idle limit": {true, socketsIdle},
}

func socketsIdle(c net.Conn) net.Conn {
	return ch04.IdleConn{Conn: c, Timer: time.NewTimer(time.Hour), Limit: time.Hour}
}

// A socketsEnd is what TCP and Unix conns have in common.
type socketsEnd interface {
	net.Conn
	CloseWrite() error
	SetReadBuffer(bytes int) error
}

// socketsPair returns the two ends of a connection of a network.
func socketsPair(t *testing.T, network string) (outer, inner socketsEnd) {
	t.Helper()
	switch network {
	case "unix":
		return conns.UnixPair(t)
	case "tcp6":
		l, err := net.Listen("tcp6", "[::1]:0")
		if err != nil {
			t.Skip("no IPv6 here:", err)
		}
		defer l.Close()
		dialed, err := net.Dial("tcp6", l.Addr().String())
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
	return conns.TCPPair(t)
}

// socketsEach runs test for each mode and for pairs of networks, also of different ones,
// with the outer ends of a Proxy. The sender is the client, and then again the server.
func socketsEach(t *testing.T, test func(t *testing.T, sender, receiver socketsEnd, done <-chan error)) {
	var copier splice.Copier
	t.Cleanup(func() { copier.Close() })
	for name, mode := range socketsModes {
		for _, networks := range [][2]string{
			{"tcp", "tcp"}, {"tcp6", "unix"}, {"unix", "tcp"},
		} {
			for _, who := range []string{"client", "server"} {
				t.Run(name+" "+networks[0]+" "+networks[1]+" "+who, func(t *testing.T) {
					client, c := socketsPair(t, networks[0])
					server, s := socketsPair(t, networks[1])
					p := ch04.Proxy{}
					if mode.splice {
						p.Copy = copier.Copy
					}
					done := make(chan error, 1)
					go func() { done <- p.Run(t.Context(), mode.wrap(c), mode.wrap(s)) }()
					if who == "client" {
						test(t, client, server, done)
					} else {
						test(t, server, client, done)
					}
				})
			}
		}
	}
}

// Small messages, then more than all buffers hold, which is full flow, and a half-close.
func TestProxySockets(t *testing.T) {
	leak.Check(t)
	socketsEach(t, func(t *testing.T, sender, receiver socketsEnd, done <-chan error) {
		for range 3 {
			io.WriteString(sender, "message") // a failure shows in the read
			got := make([]byte, 7)
			if _, err := io.ReadFull(receiver, got); err != nil || string(got) != "message" {
				t.Fatalf("sent message, got %q, %v", got, err)
			}
		}
		const size = 1 << 20
		go func() {
			sender.Write(make([]byte, size)) // a failure shows in the count
			sender.CloseWrite()
		}()
		if n, err := io.Copy(struct{ io.Writer }{io.Discard}, receiver); n != size || err != nil {
			t.Errorf("receiver read %d bytes, %v, want %d", n, err, size)
		}
		io.WriteString(receiver, "the response") // the sender has half-closed already
		receiver.Close()
		if got, err := io.ReadAll(sender); string(got) != "the response" || err != nil {
			t.Errorf("sender read %q, %v", got, err)
		}
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

// Half a response, and then the sender is reset while a write to it waits for room: the
// receiver has to read an error and not the end. Unix sockets cannot pass it on.
func TestProxySocketsReset(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("another system reports a reset each time")
	}
	t.Parallel() // ProxyGrace passes while other tests run
	socketsEach(t, func(t *testing.T, sender, receiver socketsEnd, done <-chan error) {
		t.Parallel()
		sender.SetReadBuffer(4 << 10)
		io.WriteString(sender, "half") // a failure shows in the read
		if _, err := io.ReadFull(receiver, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		_, err := receiver.Write(make([]byte, 1<<10)) // some, however busy the machine is
		for err == nil {                              // nobody reads: until all buffers are full
			receiver.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) // it is open
			_, err = receiver.Write(make([]byte, 64<<10))
		}
		if _, err := io.ReadFull(sender, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if tcp, ok := sender.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		sender.Close() // with bytes unread: a reset, on a Unix socket too
		_, err = receiver.Read(make([]byte, 1))
		_, unix := receiver.(*net.UnixConn)
		if !unix && !errors.Is(err, syscall.ECONNRESET) || err == nil {
			t.Errorf("receiver read %v, want ECONNRESET", err)
		}
		if err := <-done; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Run = %v, want ECONNRESET", err)
		}
	})
}

// A server that closes after its response, with nothing unread, has ended in order. On a
// Unix socket a write to it fails at once. What has passed before did not fail.
func TestProxySocketsServerCloses(t *testing.T) {
	leak.Check(t)
	client, c := socketsPair(t, "tcp")
	server, s := socketsPair(t, "unix")
	done := make(chan error, 1)
	go func() { done <- ch04.Proxy{}.Run(t.Context(), c, s) }()
	io.WriteString(server, "the response") // a failure shows in the read
	server.Close()
	if got, err := io.ReadAll(client); string(got) != "the response" || err != nil {
		t.Errorf("client read %q, %v", got, err)
	}
	if err := <-done; err != nil { // the client has not ended
		t.Errorf("Run = %v, want nil", err)
	}
}
