package ch06_test

import (
	"bytes"
	"errors"
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
	log, server, addr := sessionsStart(t, &ch06.Server{Payload: []byte("hello")})
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
	log, server, addr := sessionsStart(t, &ch06.Server{Payload: []byte("hello")})
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

// Transfers beyond the limit are refused at once.
func TestTransferLimit(t *testing.T) {
	_, _, addr := sessionsStart(t, &ch06.Server{Payload: make([]byte, 2000), MaxTransfers: 2})
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

// Thousands of requests that nobody ever acknowledges do not keep an honest client out.
func TestForgedRequests(t *testing.T) {
	log, server, addr := sessionsStart(t, &ch06.Server{Payload: make([]byte, 50_000), MaxTransfers: 100})
	for range 3000 {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		// That one is lost is as good.
		conn.WriteTo([]byte("\x00\x01f\x00octet\x00blksize\x0065464\x00windowsize\x0064\x00"), addr)
		conn.Close()
	}
	var got bytes.Buffer
	client := &ch06.Client{Retries: 20, Timeout: 100 * time.Millisecond} // the flood may displace the request
	if n, err := client.Get(t.Context(), addr.String(), "f", &got); err != nil || n != 50_000 {
		t.Errorf("the honest client got %d bytes, %v, want 50000", n, err)
	}
	server.Close() // always nil; ends what is left of the forged ones
	if evicted := strings.Count(log.String(), "made room"); evicted == 0 {
		t.Error("no forged transfer made room: the flood did not reach the limit")
	} else {
		t.Logf("%d forged transfers made room", evicted)
	}
}

// 200 clients at once all get the file.
func TestManyClients(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789abcdef"), 4000)
	_, server, addr := sessionsStart(t, &ch06.Server{Payload: payload})
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

func sessionsStart(t *testing.T, server *ch06.Server) (*sessionsLog, *ch06.Server, net.Addr) {
	t.Helper()
	log := &sessionsLog{}
	server.Logger = slog.New(slog.NewTextHandler(log, nil))
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		server.Close() // always nil; waits for every transfer
		if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
			t.Errorf("Serve error = %v, want ErrServerClosed", err)
		}
	})
	return log, server, conn.LocalAddr()
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
