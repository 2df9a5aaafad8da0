package ch04_test

import (
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch04/internal/command"
	"network-programming-with-go/ch04/internal/conns"
)

// proxyCommandStop ends the proxy as a service manager would, and returns its log.
func proxyCommandStop(t *testing.T, p *command.Process) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		return p.Stop(t, syscall.SIGKILL).Stderr
	}
	result := p.Stop(t, syscall.SIGTERM)
	if result.Status != 0 {
		t.Errorf("after SIGTERM: exit status %d, want 0", result.Status)
	}
	_, log, _ := strings.Cut(result.Stderr, "\n") // after the ready line
	return log
}

func TestProxyCommand(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, "./proxy")
	target, accepted := conns.Responder(t)
	_, port, err := net.SplitHostPort(target)
	if err != nil {
		t.Fatal(err)
	}

	for args, tt := range map[string]struct {
		status int
		want   string
	}{
		"-h":                         {0, "Example:"},
		"":                           {2, "proxy: -to is missing (try proxy -h)\n"},
		"-to localhost":              {2, "-to localhost: want HOST:PORT"},
		"-to localhost:65536":        {2, `-to localhost:65536: unknown port "65536"`},
		"-to localhost:0":            {2, `-to localhost:0: unknown port "0"`},
		"-to :1 -listen nonsense":    {2, "-listen nonsense: want HOST:PORT"},
		"-to :1 -listen=":            {2, "-listen : want HOST:PORT"},
		"-to :1 -idle-timeout -1s":   {2, "-idle-timeout -1s: want 0 or more"},
		"-to :1 -dial-timeout 0":     {2, "-dial-timeout 0s: want more than 0"},
		"-to :1 extra":               {2, `unexpected argument "extra"`},
		"-to :1 -no-such-flag":       {2, "flag provided but not defined"},
		"-to :1 -idle-timeout never": {2, "invalid value"},
		"-to :1 -listen " + target:   {1, "proxy: listen tcp " + target}, // it is in use
	} {
		t.Run("proxy "+args, func(t *testing.T) {
			got := command.Run(t, bin, strings.Fields(args)...)
			if text := got.Stdout + got.Stderr; got.Status != tt.status || !strings.Contains(text, tt.want) {
				t.Errorf("proxy %s: exit status %d, %q, want %d and %q",
					args, got.Status, text, tt.status, tt.want)
			}
		})
	}

	large := strings.Repeat("all of it ", 30<<10) // 300 KB
	for _, flags := range []string{"", "-idle-timeout 0", "-plain", "-plain -idle-timeout 1m"} {
		t.Run("half-close and SIGTERM "+flags, func(t *testing.T) {
			p := command.Start(t, bin, append(strings.Fields(flags), "-listen", "127.0.0.1:0", "-to", target)...)
			for _, request := range []string{"x", large} {
				response, err := conns.Ask(p.Addr, request)
				if err != nil || response != "you said: "+request {
					t.Errorf("response of %d bytes, %v, want %d", len(response), err, len(request)+10)
				}
			}
			if log := proxyCommandStop(t, p); log != "" {
				t.Errorf("log: %s", log)
			}
		})
	}

	t.Run("SIGTERM in the middle of a request", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("no SIGTERM on Windows")
		}
		for len(accepted) > 0 {
			<-accepted // those of earlier tests
		}
		p := command.Start(t, bin, "-listen", "127.0.0.1:0", "-to", target)
		conn, err := net.Dial("tcp", p.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "first, ") // a failure shows in the response
		<-accepted                      // the request has left the queue of the listener
		p.Signal(t, syscall.SIGTERM)
		for err == nil { // until the proxy accepts no more
			var another net.Conn
			if another, err = net.Dial("tcp", p.Addr); err == nil {
				another.Close()
			}
		}
		io.WriteString(conn, "second")
		conn.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(conn); string(got) != "you said: first, second" || err != nil {
			t.Errorf("response %q, %v", got, err)
		}
		if status := p.Wait(t).Status; status != 0 {
			t.Errorf("exit status %d, want 0", status)
		}
	})

	// A proxy that leads to itself would use up all descriptors with the first connection.
	t.Run("its own address", func(t *testing.T) {
		free := conns.Refused(t) // nobody listens there, and nobody else can
		_, freePort, _ := net.SplitHostPort(free)
		for _, tt := range []struct{ listen, to string }{
			{"127.0.0.2:" + freePort, "127.0.0.2:" + freePort},
			{"127.0.0.2:" + freePort, "[::ffff:127.0.0.2]:" + freePort},
		} {
			got := command.Run(t, bin, "-listen", tt.listen, "-to", tt.to)
			if runtime.GOOS != "linux" && got.Status == 1 {
				t.Skip("only 127.0.0.1 is there:", got.Stderr)
			}
			if got.Status != 2 || !strings.Contains(got.Stderr, "the address that proxy listens on") {
				t.Errorf("proxy -listen %s -to %s: exit status %d, %s", tt.listen, tt.to, got.Status, got.Stderr)
			}
		}
		// The same port of another host is fine.
		p := command.Start(t, bin, "-listen", "127.0.0.2:"+port, "-to", target)
		if response, err := conns.Ask(p.Addr, "x"); response != "you said: x" {
			t.Errorf("response %q, %v", response, err)
		}
	})

	t.Run("idle timeout", func(t *testing.T) {
		for _, flags := range [][]string{nil, {"-plain"}, {"-monitor"}} {
			p := command.Start(t, bin, append(flags, "-listen", "127.0.0.1:0", "-idle-timeout", "50ms", "-to", target)...)
			conn, err := net.Dial("tcp", p.Addr) // under load it is the first to hear of a reset
			if err == nil {
				defer conn.Close()
				_, err = conn.Read(make([]byte, 1))
			}
			if err == nil || err == io.EOF {
				t.Errorf("%s: idle conn read %v, want a reset", flags, err)
			}
			if log := proxyCommandStop(t, p); !strings.Contains(log, "idle connection ended") {
				t.Errorf("%s: log %q does not say why", flags, log)
			}
		}
	})

	t.Run("target that does not respond", func(t *testing.T) {
		refused := conns.Refused(t)
		for want, args := range map[string][]string{
			"refused": {"-dial-timeout", "100ms", "-to", refused},
			"timeout": {"-dial-timeout", "1ns", "-to", target},
		} {
			p := command.Start(t, bin, append(args, "-listen", "127.0.0.1:0")...)
			conn, err := net.Dial("tcp", p.Addr) // under load it is the first to hear of a reset
			if err == nil {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure
				_, err = conn.Read(make([]byte, 1))
			}
			if err == nil || err == io.EOF {
				t.Errorf("%s: read %v, want a reset", want, err)
			}
			log := proxyCommandStop(t, p)
			if !strings.Contains(log, "connecting failed") || !strings.Contains(log, want) {
				t.Errorf("log %q does not say %q", log, want)
			}
		}
	})
}
