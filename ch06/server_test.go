package ch06_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"network-programming-with-go/ch06"
)

// TestServer fetches a file by hand: the request goes to the server's port, the blocks
// come from a port of their own, and each is acknowledged there.
func TestServer(t *testing.T) {
	addr, _ := serverStart(t, &ch06.Server{Payload: bytes.Repeat([]byte("x"), 2*ch06.BlockSize)})
	client := serverClient(t)
	client.send(t, addr, "\x00\x01any name\x00octet\x00")
	for block := 1; block <= 3; block++ {
		b, from := client.receive(t)
		var data ch06.Data
		if err := data.UnmarshalBinary(b); err != nil || int(data.Block) != block {
			t.Fatalf("got %.10q, %v, want DATA %d", b, err, block)
		}
		if want := []int{512, 512, 0}[block-1]; len(data.Payload) != want {
			t.Errorf("DATA %d has %d bytes, want %d", block, len(data.Payload), want)
		}
		if from.String() == addr.String() {
			t.Errorf("DATA %d came from the listening port %v, want another", block, from)
		}
		t.Logf("DATA %d from %v: %d bytes", block, from, len(data.Payload))
		client.send(t, from, fmt.Sprintf("\x00\x04\x00%c", block))
	}
}

// What the server does not do it says; RFC 1350 section 5 has the codes.
func TestServerRefusals(t *testing.T) {
	addr, _ := serverStart(t, &ch06.Server{Payload: []byte("x")})
	large := 60_000
	if runtime.GOOS != "linux" {
		large = 9000 // others send no more unless asked
	}
	for _, tt := range []struct {
		request, message string
		code             ch06.ErrCode
	}{
		{"\x00\x02f\x00octet\x00", "read-only", ch06.ErrIllegalOp},
		{"\x00\x01f\x00netascii\x00", "octet-only", ch06.ErrIllegalOp},
		{"\x00\x01f\x00mail\x00", "octet-only", ch06.ErrIllegalOp},
		{"\x00\x01f\x00octet", "zero byte", ch06.ErrIllegalOp},
		{"\x00\x01\x00octet\x00", "without a file name", ch06.ErrIllegalOp},
		{"\x00\x01f\x00", "without a mode", ch06.ErrIllegalOp},
		{"\x00\x01f\x00octet\x00blksize\x00", "option", ch06.ErrIllegalOp},
		{"\x00\x01" + strings.Repeat("f", large) + "\x00octet\x00", "limit 516", ch06.ErrIllegalOp},
	} {
		client := serverClient(t)
		client.send(t, addr, tt.request)
		b, _ := client.receive(t)
		var refusal ch06.Err
		if err := refusal.UnmarshalBinary(b); err != nil || refusal.Code != tt.code || !strings.Contains(refusal.Message, tt.message) {
			t.Errorf("%.20q was answered with %.60q, want ERROR %d with %q", tt.request, b, tt.code, tt.message)
		}
		t.Logf("%-28.26q -> %v", tt.request, &refusal)
	}
}

// What is no request is not answered, since two servers could answer each other for ever,
// and does no harm: the request that comes last gets the only answer.
func TestServerIgnores(t *testing.T) {
	addr, _ := serverStart(t, &ch06.Server{Payload: []byte("hello")})
	client := serverClient(t)
	for _, junk := range []string{
		"", "\x00", "\x00\x00", "\xff\xff\xff", "\x00\x03\x00\x01data", "\x00\x04\x00\x01",
		"\x00\x05\x00\x01no\x00", "\x00\x06blksize\x001\x00", strings.Repeat("\x00", 9000),
	} {
		client.send(t, addr, junk)
	}
	client.send(t, addr, "\x00\x01f\x00OCTET\x00")
	if b, _ := client.receive(t); string(b) != "\x00\x03\x00\x01hello" {
		t.Errorf("the first answer was %q, want the file", b)
	}
}

// Shutdown lets a transfer in flight end, and refuses new ones.
func TestServerShutdown(t *testing.T) {
	server := &ch06.Server{Payload: []byte("hello")}
	addr, served := serverStart(t, server)
	client := serverClient(t)
	client.send(t, addr, "\x00\x01f\x00octet\x00")
	_, tid := client.receive(t)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown while a transfer runs and ctx has ended: error = %v, want context.Canceled", err)
	}
	if err := <-served; !errors.Is(err, ch06.ErrServerClosed) {
		t.Errorf("Serve error = %v, want ErrServerClosed", err)
	}
	served <- ch06.ErrServerClosed // for the clean-up
	client.send(t, tid, "\x00\x04\x00\x01")
	if err := server.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown error = %v, want nil once the transfer has ended", err)
	}
	if err := server.ListenAndServe("127.0.0.1:0"); !errors.Is(err, ch06.ErrServerClosed) {
		t.Errorf("ListenAndServe after Shutdown: error = %v, want ErrServerClosed", err)
	}
}

// Close ends a transfer in flight and tells its client.
func TestServerClose(t *testing.T) {
	server := &ch06.Server{Payload: []byte("hello")}
	addr, _ := serverStart(t, server)
	client := serverClient(t)
	client.send(t, addr, "\x00\x01f\x00octet\x00")
	client.receive(t)
	server.Close() // always nil
	if b, _ := client.receive(t); !strings.Contains(string(b), "shutting down") {
		t.Errorf("the client got %q, want an ERROR", b)
	}
}

func TestServerErrors(t *testing.T) {
	if err := (&ch06.Server{}).ListenAndServe("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Errorf("nothing to serve: error = %v", err)
	}
	if err := (&ch06.Server{Payload: []byte("x")}).ListenAndServe("127.0.0.1:99999"); err == nil {
		t.Error("port 99999: no error")
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := (&ch06.Server{Payload: []byte("x")}).Serve(conn); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed socket: error = %v, want net.ErrClosed", err)
	}
}

// Each transfer that ends leaves one line in the log, and so does a refusal.
func TestServerLog(t *testing.T) {
	var log serverLog
	server := &ch06.Server{Payload: make([]byte, 600), Logger: slog.New(slog.NewTextHandler(&log, nil))}
	addr, _ := serverStart(t, server)
	client := serverClient(t)
	client.send(t, addr, "\x00\x02f\x00octet\x00")
	client.receive(t)
	client.send(t, addr, "\x00\x01a b\x00octet\x00")
	_, tid := client.receive(t)
	client.send(t, tid, "\x00\x04\x00\x01")
	client.receive(t)
	client.send(t, tid, "\x00\x04\x00\x02")
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("log = %q, want 2 lines", lines)
	}
	for i, want := range []string{
		`level=WARN msg=refused client=127.0.0.1:* file="" code=4 reason="this server is read-only"`,
		`level=INFO msg=transfer client=127.0.0.1:* file="a b" bytes=600 blocks=2 resent=0 duration=* outcome=done`,
	} {
		for _, part := range strings.Split(want, "*") {
			if !strings.Contains(lines[i], part) {
				t.Errorf("log line %q lacks %q", lines[i], part)
			}
		}
		t.Log(lines[i])
	}
}

func ExampleServer() {
	server := &ch06.Server{Payload: []byte("the same file under every name")}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()

	var file strings.Builder
	n, err := (&ch06.Client{}).Get(context.Background(), conn.LocalAddr().String(), "any", &file)
	fmt.Println(n, err, file.String())

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	fmt.Println(server.Shutdown(ctx), <-served)
	// Output:
	// 30 <nil> the same file under every name
	// <nil> tftp: server closed
}

// serverStart runs server on a loopback port until the test ends, and then checks that no
// goroutine is left.
func serverStart(t *testing.T, server *ch06.Server) (addr net.Addr, served chan error) {
	t.Helper()
	before := runtime.NumGoroutine()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served = make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		server.Close() // always nil
		<-served
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(end) {
				stacks := make([]byte, 64<<10)
				t.Fatalf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
	return conn.LocalAddr(), served
}

type serverConn struct{ net.PacketConn }

func serverClient(t *testing.T) serverConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return serverConn{conn}
}

func (c serverConn) send(t *testing.T, to net.Addr, packet string) {
	t.Helper()
	if _, err := c.WriteTo([]byte(packet), to); err != nil {
		t.Fatal(err)
	}
}

func (c serverConn) receive(t *testing.T) ([]byte, net.Addr) {
	t.Helper()
	b := make([]byte, 65536)
	c.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; cannot fail: c is open
	n, from, err := c.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n], from
}

// serverLog is a bytes.Buffer for several goroutines.
type serverLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
