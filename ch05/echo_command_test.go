package ch05_test

import (
	"fmt"
	"net"
	"os"
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
		for _, tt := range []struct {
			args []string
			want string // in the message
		}{
			{[]string{"-nonsense"}, "-nonsense"},
			{[]string{"stray"}, `"stray"`},
			{[]string{"-listen", "127.0.0.1"}, `-listen "127.0.0.1"`},
			{[]string{"-to", "127.0.0.1:7"}, "got 0"},
			{[]string{"-to", "127.0.0.1:7", "a", "b"}, "got 2"},
			{[]string{"-to", "", "a"}, `-to ""`},
			{[]string{"-retries", "2"}, "-to"},
			{[]string{"-wait", "2s"}, "-to"},
			{[]string{"-to", "127.0.0.1:7", "-retries", "-1", "a"}, "-retries -1"},
			{[]string{"-to", "127.0.0.1:7", "-wait", "0s", "a"}, "-wait 0s"},
			{[]string{"-listen", "127.0.0.1:0", "-to", "127.0.0.1:7", "a"}, "one of them"},
		} {
			got := command.Run(t, echo, tt.args...)
			if got.Status != 2 || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 ||
				!strings.Contains(got.Stderr, tt.want) {
				t.Errorf("%q: %+v, want status 2 and a line with %s", tt.args, got, tt.want)
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
	t.Run("ask this machine", func(t *testing.T) { // no host in the address
		_, port, _ := strings.Cut(server.Addr, ":")
		got := command.Run(t, echo, "-to", ":"+port, "-wait", "10s", "hello")
		if got.Status != 0 || got.Stdout != "hello\n" {
			t.Errorf("reply = %+v, want hello", got)
		}
	})
	for _, tt := range []struct {
		name string
		args []string
		want string // in the message
	}{
		{"address in use", []string{"-listen", server.Addr}, "in use"},
		{"no such port", []string{"-to", "127.0.0.1:no-such-service", "hello"}, "unknown port"},
		{"no such host", []string{"-to", "not..valid:7", "hello"}, "no such host"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(echo, tt.args...)
			cmd.Env = append(os.Environ(), "GODEBUG=netdns=go") // sends no query for such a name
			got := command.RunCmd(t, cmd)
			if got.Status != 1 || got.Stdout != "" || !strings.HasPrefix(got.Stderr, "echo: ") ||
				runtime.GOOS == "linux" && !strings.Contains(got.Stderr, tt.want) {
				t.Errorf("got %+v, want status 1 and %q", got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		args []string
		want int // retries
	}{
		{[]string{"-retries", "0", "-wait", "1ns"}, 0},
		{[]string{"-retries", "1", "-wait", "10ms"}, 1},
		{[]string{"-wait", "10ms"}, 2},
	} {
		t.Run(fmt.Sprint("no reply ", tt.args), func(t *testing.T) {
			silent := conns.ListenUDP(t)
			args := append(tt.args, "-to", silent.LocalAddr().String(), "hello")
			got := command.Run(t, echo, args...)
			want := fmt.Sprintf("no reply after %d retries", tt.want)
			if got.Status != 1 || got.Stdout != "" || !strings.Contains(got.Stderr, want) {
				t.Errorf("got %+v, want status 1 and %q", got, want)
			}
			if tt.args[len(tt.args)-1] == "1ns" {
				return // no time to send
			}
			for i := range 1 + tt.want {
				if n, _, err := silent.ReadFrom(make([]byte, 16)); n != 5 || err != nil {
					t.Errorf("datagram %d: ReadFrom = %d, %v; want 5 bytes", i, n, err)
				}
			}
		})
	}
	t.Run("full disk", func(t *testing.T) {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		defer full.Close()
		cmd := exec.Command(echo, "-to", server.Addr, "-wait", "10s", "hello")
		cmd.Stdout = full
		if got := command.RunCmd(t, cmd); got.Status != 1 || got.Stderr == "" {
			t.Errorf("got %+v, want status 1 and a line", got)
		}
	})
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
		silent := conns.ListenUDP(t)
		client := command.StartCmd(t, exec.Command(echo, "-to", silent.LocalAddr().String(),
			"-wait", "1h", "hello"))
		if _, _, err := silent.ReadFrom(make([]byte, 16)); err != nil { // it waits for a reply
			t.Fatal(err)
		}
		if got := client.Stop(t, syscall.SIGTERM); got.Status != 1 ||
			got.Stderr != "echo: interrupted\n" {
			t.Errorf("the client ended with %+v, want status 1 and interrupted", got)
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
