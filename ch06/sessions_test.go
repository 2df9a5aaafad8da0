package ch06_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"network-programming-with-go/ch06"
)

// The same request twice, as after a lost or a slow answer, starts one transfer.
func TestRepeatedRequest(t *testing.T) {
	server := &ch06.Server{Payload: []byte("hello")}
	log, addr := sessionsServe(t, server, sessionsDial(t))
	conn := sessionsDial(t)
	const request = "\x00\x01f\x00octet\x00"
	for range 5 {
		sessionsSend(t, conn, addr, request)
	}
	_, tid := sessionsReceive(t, conn)
	sessionsSend(t, conn, tid, "\x00\x04\x00\x01")
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "msg=transfer"); n != 1 {
		t.Errorf("5 equal requests started %d transfers, want 1:\n%s", n, log)
	}
}

// A client that asks for another file from the same port, as tftp-hpa does, gets it as soon
// as the first transfer has ended, even where its last acknowledgment is overtaken.
func TestNextRequestFromTheSamePort(t *testing.T) {
	server := &ch06.Server{Payload: []byte("hello")}
	log, addr := sessionsServe(t, server, sessionsDial(t))
	conn := sessionsDial(t)
	sessionsSend(t, conn, addr, "\x00\x01one\x00octet\x00")
	_, first := sessionsReceive(t, conn)
	sessionsSend(t, conn, addr, "\x00\x01two\x00octet\x00")
	sessionsSend(t, conn, first, "\x00\x04\x00\x01")
	_, second := sessionsReceive(t, conn)
	sessionsSend(t, conn, second, "\x00\x04\x00\x01")
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); strings.Count(got, "outcome=done") != 2 {
		t.Errorf("want both transfers done:\n%s", got)
	}
}

// A request that comes late, a copy of one that has been answered, does not end what its
// client fetches now.
func TestLateCopyOfAnotherRequest(t *testing.T) {
	server := &ch06.Server{Payload: make([]byte, 2*512+1), Timeout: time.Minute}
	log, addr := sessionsServe(t, server, sessionsDial(t))
	conn, other := sessionsDial(t), sessionsDial(t)
	sessionsSend(t, conn, addr, "\x00\x01two\x00octet\x00")
	_, tid := sessionsReceive(t, conn)
	sessionsSend(t, conn, tid, "\x00\x04\x00\x01")
	sessionsReceive(t, conn) // block 2
	sessionsSend(t, conn, addr, "\x00\x01one\x00octet\x00")
	sessionsSend(t, other, addr, "\x00\x02w\x00octet\x00")
	sessionsReceive(t, other) // refused: the server has also read what came before
	sessionsSend(t, conn, tid, "\x00\x04\x00\x02")
	if b, from := sessionsReceive(t, conn); from.String() != tid.String() || string(b[:4]) != "\x00\x03\x00\x03" {
		t.Errorf("after a late request %q came from %v, want block 3 from %v:\n%s", b[:4], from, tid, log)
	}
}

// A client that was restarted and has its port again is served: it repeats its request.
func TestRestartedClient(t *testing.T) {
	server := &ch06.Server{Payload: make([]byte, 2*512+1), Timeout: 5 * time.Millisecond, Retries: 1000}
	_, addr := sessionsServe(t, server, sessionsDial(t))
	conn := sessionsDial(t)
	const request = "\x00\x01f\x00octet\x00"
	sessionsSend(t, conn, addr, request)
	_, tid := sessionsReceive(t, conn)
	sessionsSend(t, conn, tid, "\x00\x04\x00\x01")
	for from := tid; from.String() == tid.String(); { // block 2, again and again
		sessionsSend(t, conn, addr, request)
		_, from = sessionsReceive(t, conn)
	}
}

// Transfers beyond the limit are refused at once.
func TestTransferLimit(t *testing.T) {
	server := &ch06.Server{Payload: make([]byte, 2000), MaxTransfers: 2}
	_, addr := sessionsServe(t, server, sessionsDial(t))
	for range 2 {
		conn := sessionsDial(t)
		sessionsSend(t, conn, addr, "\x00\x01f\x00octet\x00")
		sessionsReceive(t, conn)
	}
	late := sessionsDial(t)
	sessionsSend(t, late, addr, "\x00\x01f\x00octet\x00")
	if b, _ := sessionsReceive(t, late); !strings.Contains(string(b), "busy with 2 transfers") {
		t.Errorf("the third transfer was answered with %.40q, want an ERROR", b)
	}
}

// Thousands of requests that nobody ever acknowledges do not keep an honest client out: it
// is served in their midst, again and again.
func TestForgedRequests(t *testing.T) {
	const size, rounds = 20_000, 25
	server := &ch06.Server{Payload: make([]byte, size), MaxTransfers: 100}
	log, addr := sessionsServe(t, server, &sessionsFlood{PacketConn: sessionsDial(t)})
	for range rounds {
		n, err := (&ch06.Client{}).Get(t.Context(), addr.String(), "f", io.Discard)
		if err != nil || n != size {
			t.Errorf("the honest client got %d bytes, %v, want %d", n, err, size)
		}
	}
	server.Close() // always nil; ends the forged ones that are left
	// The last 100 are still there, and the last 80 may have come too late.
	if evicted := strings.Count(log.String(), "made room"); evicted < 80*rounds-180 {
		t.Errorf("%d of %d forged transfers made room, want all but 180", evicted, 80*rounds)
	} else {
		t.Logf("%d of %d forged transfers made room", evicted, 80*rounds)
	}
}

// sessionsFlood is a listening socket at which 80 forged requests come before each real
// one. Their senders are ports of a loopback address where nobody listens.
type sessionsFlood struct {
	net.PacketConn
	row, forged int // used by Serve alone
}

func (f *sessionsFlood) ReadFrom(b []byte) (int, net.Addr, error) {
	if f.row == 80 {
		f.row = 0
		return f.PacketConn.ReadFrom(b)
	}
	f.row++
	f.forged++
	n := copy(b, "\x00\x01f\x00octet\x00blksize\x0065464\x00windowsize\x0064\x00")
	return n, &net.UDPAddr{IP: net.IPv4(127, 66, 66, 66), Port: 1024 + f.forged}, nil
}

// 200 clients at once all get the file.
func TestManyClients(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	server := &ch06.Server{Payload: payload}
	_, addr := sessionsServe(t, server, sessionsDial(t))
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			var got bytes.Buffer
			client := &ch06.Client{WindowSize: 4, Timeout: 3 * time.Second, Retries: 20}
			if _, err := client.Get(t.Context(), addr.String(), "f", &got); err != nil || !bytes.Equal(got.Bytes(), payload) {
				t.Errorf("Get = %d bytes, %v, want %d", got.Len(), err, len(payload))
			}
		})
	}
	wg.Wait()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// sessionsServe runs server until the test ends, and returns its log and address.
func sessionsServe(t *testing.T, server *ch06.Server, conn net.PacketConn) (*sessionsLog, net.Addr) {
	t.Helper()
	log := &sessionsLog{}
	server.Logger = slog.New(slog.NewTextHandler(log, nil))
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		server.Close() // always nil; waits for every transfer
		if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
			t.Errorf("Serve error = %v, want ErrServerClosed", err)
		}
	})
	return log, conn.LocalAddr()
}

func sessionsDial(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func sessionsSend(t *testing.T, conn net.PacketConn, to net.Addr, packet string) {
	t.Helper()
	if _, err := conn.WriteTo([]byte(packet), to); err != nil {
		t.Fatal(err)
	}
}

func sessionsReceive(t *testing.T, conn net.PacketConn) ([]byte, net.Addr) {
	t.Helper()
	b := make([]byte, 2048)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; cannot fail: conn is open
	n, from, err := conn.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n], from
}

// sessionsLog is a bytes.Buffer for several goroutines.
type sessionsLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *sessionsLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *sessionsLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
