package ch09_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch09/internal/command"
)

// What the command does with SIGTERM. It ends with 0 each time.
func TestServerCommandStop(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM")
	}
	program := command.Build(t, "./server")
	for _, tt := range []struct {
		name string
		test func(t *testing.T, program string)
	}{
		{"request in flight", serverStopInFlight},
		{"no request in flight", serverStopIdle},
		{"readiness", serverStopReadiness},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, program)
		})
	}
}

func serverStopDial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure
	return conn, bufio.NewReader(conn)
}

// A request whose body is half sent when SIGTERM comes is still answered.
func serverStopInFlight(t *testing.T, program string) {
	s := command.Start(t, program, "-listen", "127.0.0.1:0")
	conn, br := serverStopDial(t, s.Addr)
	fmt.Fprintf(conn, "POST /hello HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\n"+
		"Expect: 100-continue\r\n\r\n", s.Addr)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 100 {
		t.Fatalf("waiting for 100 Continue: %v, %v", resp, err)
	}
	// The handler is reading the body now.
	s.Signal(t, syscall.SIGTERM)
	for { // until the listener is closed: the server is stopping
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			break
		}
		c.Close()
	}
	fmt.Fprint(conn, "Ada")
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	t.Logf("after SIGTERM: %s %q, connection closed %t", resp.Status, body, resp.Close)
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), "Hello, Ada!") || !resp.Close {
		t.Errorf("request in flight = %s %q, %v, close %t", resp.Status, body, err, resp.Close)
	}
	if got := s.Wait(t); got.Status != 0 {
		t.Errorf("exit status %d, want 0", got.Status)
	}
}

// A connection without a request in flight does not hold the server up, whatever it does:
// an idle one, and a refused one that still owes its body.
func serverStopIdle(t *testing.T, program string) {
	s := command.Start(t, program, "-listen", "127.0.0.1:0", "-tls-self-signed", "-quiet")
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
	refused, err := tls.Dial("tcp", s.Addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	fmt.Fprint(refused, "POST /hello HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 8000\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(refused), nil); err != nil || resp.StatusCode != 413 {
		t.Fatalf("refused body: %v, %v, want 413", resp, err)
	}
	idle, err := tls.Dial("tcp", s.Addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	fmt.Fprint(idle, "GET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}

	start := time.Now()
	s.Signal(t, syscall.SIGTERM)
	got := s.Wait(t)
	t.Logf("exit status %d after %v", got.Status, time.Since(start))
	if got.Status != 0 || time.Since(start) > 15*time.Second {
		t.Errorf("exit status %d after %v, want 0 within seconds\n%s", got.Status, time.Since(start), got.Stderr)
	}
}

// /readyz fails while the listener is still open, for as long as -ready-delay says.
func serverStopReadiness(t *testing.T, program string) {
	s := command.Start(t, program, "-listen", "127.0.0.1:0", "-quiet", "-ready-delay", "300ms")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	start := time.Now()
	s.Signal(t, syscall.SIGTERM)
	failed := 0
	for {
		resp, err := client.Get("http://" + s.Addr + "/readyz")
		if err != nil {
			break // the listener is closed
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			failed++
		}
	}
	got := s.Wait(t)
	t.Logf("%d checks failed before the listener closed, exit status %d after %v", failed, got.Status, time.Since(start))
	if failed == 0 || got.Status != 0 || time.Since(start) < 300*time.Millisecond {
		t.Errorf("%d checks failed, exit status %d after %v, want some, 0, 300ms at least",
			failed, got.Status, time.Since(start))
	}
}
