package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch09/fault/internal/running"
	"network-programming-with-go/ch09/internal/command"
)

func TestFaultServe(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	t.Run("log", func(t *testing.T) { testFaultServeLog(t, bin) })
	t.Run("log is bounded", func(t *testing.T) { testFaultServeLogIsBounded(t, bin) })
	t.Run("half-close", func(t *testing.T) { testFaultServeHalfClose(t, bin) })
	t.Run("graceful", func(t *testing.T) { testFaultServeGraceful(t, bin) })
}

// Each kind of request is logged, and none can forge a line of the log.
func testFaultServeLog(t *testing.T, bin string) {
	p, f := startFaultServe(t, bin)
	long := strings.Repeat("x", 1023)
	for _, tt := range []struct {
		name, method, target string
		status               int
		logged               string
	}{
		{"root", "GET", "/", 200, "GET path=/ status=200"},
		{"missing", "GET", "/missing", 404, "GET path=/missing status=404"},
		{"error", "HEAD", "/error", 500, "HEAD path=/error status=500"},
		{"1024 bytes", "GET", "/" + long, 404, "GET path=/" + long + " status=404"},
		{"1025 bytes", "GET", "/" + long + "y", 404, "GET path=/" + long + "...(cut) status=404"},
		{"a long method", long + "yz", "/", 200, long + "y...(cut) path=/ status=200"},
		{"a newline", "GET", "/a%0Alevel=ERROR", 404, `GET path="/a\nlevel=ERROR" status=404`},
		{"C1 and bidi", "GET", "/%C2%9B%E2%80%AE", 404, `GET path="/\u009b\u202e" status=404`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status := requestFault(t, p.Addr, tt.method, tt.target)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			log := readFaultLog(f)
			if want := " msg=request method=" + tt.logged + "\n"; !strings.HasSuffix(log, want) {
				t.Errorf("the log ends with %q, want %q", log[max(0, len(log)-len(want)):], want)
			}
		})
	}
	t.Run("its own requests are not logged", func(t *testing.T) {
		before := readFaultLog(f)
		if status := requestFault(t, p.Addr, "GET", "/?self"); status != 200 {
			t.Errorf("status %d, want 200", status)
		}
		if after := readFaultLog(f); after != before {
			t.Errorf("logged: %q", after[len(before):])
		}
	})
	t.Run("log on standard error", func(t *testing.T) {
		if got := p.Stderr(); strings.Contains(got, "path=") {
			t.Errorf("it writes its log over the line to paste:\n%s", got)
		}
	})
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
}

// A client that shuts down its half while it waits reads 503, and the log says 499.
func testFaultServeHalfClose(t *testing.T, bin string) {
	p, f := startFaultServe(t, bin)
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /slow HTTP/1.1\r\nHost: fault.test\r\n\r\n") // a failure shows below
	conn.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != 503 ||
		string(body) != "Service Unavailable\n" {
		t.Errorf("a half-closed client reads %d, %q, %v, want 503", resp.StatusCode, body, err)
	}
	if log, want := readFaultLog(f), "path=/slow status=499\n"; !strings.HasSuffix(log, want) {
		t.Errorf("the log ends with %q, want %q", log, want)
	}
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
}

// Requests in flight get their responses when the fault ends.
func testFaultServeGraceful(t *testing.T, bin string) {
	p, f := startFaultServe(t, bin)
	var conns []net.Conn
	for range 20 { // by chance, a few may get theirs although connections are cut off
		conn, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET /slow HTTP/1.1\r\nHost: fault.test\r\n\r\n") // a failure shows below
		conns = append(conns, conn)
	}
	requestFault(t, p.Addr, "GET", "/") // accepted later, so all of them are accepted
	p.Signal(t, syscall.SIGTERM)
	unread := 0 // requests that were not read before Shutdown: net/http drops them
	for _, conn := range conns {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			unread++
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || string(body) != "OK\n" {
			t.Errorf("a request in flight reads %d, %q, %v, want 200", resp.StatusCode, body, err)
		}
	}
	if unread > 5 {
		t.Errorf("%d of %d requests in flight have no response", unread, len(conns))
	}
	f.Ended(p.Wait(t).Status)
}

// A client in a loop does not fill the disk: the log holds at most 1 MiB.
func testFaultServeLogIsBounded(t *testing.T, bin string) {
	p, f := startFaultServe(t, bin)
	conn, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	path := "/" + strings.Repeat("%01", 2000) // each byte is logged as \x01
	request := "GET " + path + " HTTP/1.1\r\nHost: fault.test\r\n\r\n"
	for range 300 { // 1.2 MiB of log, if all were logged
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body) // a failure shows in the next response
		resp.Body.Close()
	}
	if n := len(readFaultLog(f)); n > 1<<20 || n < 1<<20-5000 {
		t.Errorf("%d bytes of log, want a little less than 1 MiB", n)
	}
	// The server has closed no connection but those of its requests to itself.
	f.Until("request from itself", func() bool {
		own, _ := f.Sockets()
		return own["TIME-WAIT"] > 0
	})
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
}

// startFaultServe runs fault serve.
func startFaultServe(t *testing.T, bin string) (p *command.Process, f *running.Fault) {
	t.Helper()
	p = command.Start(t, bin, "-for", "5m", "-dir", t.TempDir(), "serve")
	return p, running.New(t, p.Pid(), p.WaitLine(t, "PID="))
}

func readFaultLog(f *running.Fault) string {
	f.Helper()
	b, err := os.ReadFile(f.Vars["DIR"] + "/serve.log")
	if err != nil {
		f.Fatal(err)
	}
	return string(b)
}

// requestFault requests target on a connection of its own.
func requestFault(t *testing.T, addr, method, target string) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
