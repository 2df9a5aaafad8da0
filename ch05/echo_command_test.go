package ch05_test

import (
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch05/internal/command"
	"network-programming-with-go/ch05/internal/conns"
)

// The command as its users run it.
func TestEchoCommand(t *testing.T) {
	echo := command.Build(t, "./echo")
	t.Run("help", func(t *testing.T) {
		got := command.Run(t, echo, "-h")
		if got.Status != 0 || got.Stderr != "" ||
			!strings.Contains(got.Stdout, "-listen HOST:PORT") ||
			!strings.Contains(got.Stdout, "go run ./ch05/echo") {
			t.Errorf("-h: %+v", got)
		}
	})
	t.Run("wrong use", func(t *testing.T) {
		for _, args := range [][]string{
			{"-nonsense"}, {"stray"}, {"-listen", "127.0.0.1"}, {"-to", "127.0.0.1:7"},
			{"-to", "127.0.0.1:7", "a", "b"}, {"-to", "", "a"}, {"-retries", "2"},
			{"-wait", "2s"}, {"-to", "127.0.0.1:7", "-retries", "-1", "a"},
			{"-to", "127.0.0.1:7", "-wait", "0s", "a"},
			{"-listen", "127.0.0.1:0", "-to", "127.0.0.1:7", "a"},
		} {
			got := command.Run(t, echo, args...)
			if got.Status != 2 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
				t.Errorf("%q: %+v, want status 2 and a line", args, got)
			}
			t.Logf("%s", strings.TrimSuffix(got.Stderr, "\n"))
		}
	})

	server := command.Start(t, echo, "-listen", "127.0.0.1:0")
	t.Run("ask", func(t *testing.T) {
		for _, text := range []string{"hello", "", strings.Repeat("x", 8000)} {
			got := command.Run(t, echo, "-to", server.Addr, "-wait", "10s", text)
			if got.Status != 0 || got.Stdout != text+"\n" {
				t.Errorf("reply = %+v, want %q", got, text)
			}
		}
	})
	t.Run("address in use", func(t *testing.T) {
		got := command.Run(t, echo, "-listen", server.Addr)
		if got.Status != 1 || !strings.HasPrefix(got.Stderr, "echo: ") {
			t.Errorf("got %+v, want status 1", got)
		}
	})
	t.Run("no such port", func(t *testing.T) {
		got := command.Run(t, echo, "-to", "127.0.0.1:no-such-service", "hello")
		if got.Status != 1 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, "echo: ") {
			t.Errorf("got %+v, want status 1", got)
		}
	})
	for _, retries := range []int{0, 2} {
		t.Run(fmt.Sprint("no reply, retries ", retries), func(t *testing.T) {
			silent := conns.ListenUDP(t)
			got := command.Run(t, echo, "-to", silent.LocalAddr().String(),
				"-retries", fmt.Sprint(retries), "-wait", "10ms", "hello")
			want := fmt.Sprintf("no reply after %d retries", retries)
			if got.Status != 1 || got.Stdout != "" || !strings.Contains(got.Stderr, want) {
				t.Errorf("got %+v, want status 1 and %q", got, want)
			}
			for i := range 1 + retries {
				if n, _, err := silent.ReadFrom(make([]byte, 16)); n != 5 || err != nil {
					t.Errorf("datagram %d: ReadFrom = %d, %v; want 5 bytes", i, n, err)
				}
			}
		})
	}
	t.Run("first datagram lost", func(t *testing.T) {
		lossy := conns.ListenUDP(t)
		client := command.StartCmd(t, exec.Command(echo, "-to", lossy.LocalAddr().String(),
			"-wait", "30ms", "-retries", "1000", "hello"))
		buf := make([]byte, 16)
		var from net.Addr
		for range 2 {
			var err error
			if _, from, err = lossy.ReadFrom(buf); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := lossy.WriteTo([]byte("here"), from); err != nil {
			t.Fatal(err)
		}
		if got := client.Wait(t); got.Status != 0 || got.Stdout != "here\n" {
			t.Errorf("got %+v, want status 0 and here", got)
		}
	})
	t.Run("SIGTERM", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("no SIGTERM there")
		}
		got := server.Stop(t, syscall.SIGTERM)
		if got.Status != 0 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("the server ended with %+v, want status 0", got)
		}
		got = command.Run(t, echo, "-to", server.Addr, "-wait", "10ms", "hello")
		if got.Status != 1 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, "echo: ") {
			t.Errorf("asked a server that has ended: %+v, want status 1", got)
		}
	})
}
