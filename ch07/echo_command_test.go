package ch07_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch07/internal/command"
	"network-programming-with-go/ch07/internal/conns"
)

// echoCommandStart starts the server. At the end of the test it is sent SIGTERM, must exit
// with 0 in silence, and must leave no file.
func echoCommandStart(t *testing.T, program string, args ...string) (addr string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs SIGTERM")
	}
	server := command.Start(t, program, args...)
	t.Cleanup(func() {
		got := server.Stop(t, syscall.SIGTERM)
		if want := "listening on " + server.Addr + "\n"; got.Status != 0 || got.Stderr != want {
			t.Errorf("after SIGTERM: status %d, %q, want 0, %q", got.Status, got.Stderr, want)
		}
		for _, name := range []string{server.Addr, server.Addr + ".lock"} {
			if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind: %s (%v)", name, err)
			}
		}
	})
	return server.Addr
}

func TestEchoCommand(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./echo")
	echoCommandUse(t, program)
	dir := conns.SocketDir(t)

	for _, tt := range []struct{ network, addr string }{
		{"unix", filepath.Join(dir, "stream")},
		{"unixgram", filepath.Join(dir, "datagram")},
		{"unixpacket", filepath.Join(dir, "packet")},
		{"tcp", "127.0.0.1:0"},
		{"udp", "127.0.0.1:0"},
	} {
		t.Run(tt.network, func(t *testing.T) {
			if tt.network == "unixpacket" && runtime.GOOS == "darwin" {
				t.Skip("macOS has no unixpacket")
			}
			bound := echoCommandStart(t, program, "-network", tt.network, "-listen", tt.addr)
			if info, err := os.Lstat(bound); err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("socket file has mode %v, want permission bits 0600", info.Mode())
			}
			conn := echoCommandDial(t, tt.network, bound)
			for _, word := range []string{"one", "two"} {
				got := make([]byte, len(word))
				io.WriteString(conn, word)
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != word {
					t.Errorf("echo = %q, %v, want %q", got, err, word)
				}
			}
		})
	}

	for _, network := range []string{"unix", "unixgram"} {
		t.Run(network+" killed", func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("needs SIGTERM")
			}
			args := []string{"-network", network, "-listen", filepath.Join(dir, "killed")}
			command.Start(t, program, args...).Stop(t, os.Kill)
			if _, err := os.Lstat(filepath.Join(dir, "killed")); err != nil {
				t.Errorf("the killed server left no file: %v", err)
			}
			bound := echoCommandStart(t, program, args...)
			second := command.Run(t, program, args...)
			if second.Status != 1 || !strings.Contains(second.Stderr, "address already in use") {
				t.Errorf("a second server: status %d, %q, want 1, in use", second.Status, second.Stderr)
			}
			conn := echoCommandDial(t, network, bound)
			io.WriteString(conn, "x")
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
				t.Errorf("echo of the server that took over: %v", err)
			}
		})
	}

	t.Run("signals", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("it has none")
		}
		args := []string{"-listen", filepath.Join(dir, "signals")}
		for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
			if signal.Ignored(sent) {
				continue // the tests run under nohup, and the server would, too
			}
			server := command.Start(t, program, args...)
			if got := server.Stop(t, sent); got.Status != 0 {
				t.Errorf("after %v: status %d, want 0", sent, got.Status)
			}
			if _, err := os.Lstat(server.Addr); err == nil {
				t.Errorf("after %v: the socket file is left", sent)
			}
		}
		// As under nohup, where SIGHUP must not end the server.
		cmd := exec.Command("sh", append([]string{"-c", `trap "" HUP; exec "$0" "$@"`, program}, args...)...)
		server := command.StartCmd(t, cmd)
		server.WaitLine(t, "listening on ")
		server.Signal(t, syscall.SIGHUP)
		for range 20 { // the signal takes a moment
			conn := echoCommandDial(t, "unix", args[1])
			io.WriteString(conn, "x")
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
				t.Fatalf("echo after an ignored SIGHUP: %v", err)
			}
		}
		if got := server.Stop(t, syscall.SIGTERM); got.Status != 0 {
			t.Errorf("after SIGTERM: status %d, want 0", got.Status)
		}
	})

	t.Run("default path", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("needs SIGTERM")
		}
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		server := command.StartCmd(t, cmd)
		server.WaitLine(t, "listening on "+filepath.Join(dir, "echo.sock"))
		server.Stop(t, syscall.SIGTERM)
	})

	t.Run("abstract", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("Linux only")
		}
		echoCommandStart(t, program, "-listen", "@"+filepath.Base(dir))
	})
}

// echoCommandDial returns a client that stays until the test ends, after the server has
// stopped: an open connection must not keep it.
func echoCommandDial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	var dialer net.Dialer
	if network == "unixgram" { // no response without a name of its own
		own := addr + ".client"
		dialer.LocalAddr = &net.UnixAddr{Name: own, Net: network}
		t.Cleanup(func() { os.Remove(own) }) // closing the conn does not
	}
	conn, err := dialer.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	return conn
}

// echoCommandUse tries the flags and every kind of wrong use.
func echoCommandUse(t *testing.T, program string) {
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		want   string // in standard error, for status 0 in standard output
	}{
		{"help", []string{"-h"}, 0, "Usage: echo"},
		{"help names the flags", []string{"-h"}, 0, "-network"},
		{"unknown network", []string{"-network", "ipx"}, 2, `"ipx"`},
		{"argument", []string{"stray"}, 2, `"stray"`},
		{"unknown flag", []string{"-nonsense"}, 2, "-nonsense"},
		{"no port", []string{"-network", "tcp", "-listen", "127.0.0.1"}, 1, "missing port"},
		{"a file", []string{"-listen", program}, 1, "echo: listen unix"},
		{"a file for unixgram", []string{"-network", "unixgram", "-listen", program}, 1,
			"echo: listen unixgram"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := command.Run(t, program, tt.args...)
			text := got.Stderr
			if tt.status == 0 {
				text = got.Stdout
			}
			if got.Status != tt.status || !strings.Contains(text, tt.want) {
				t.Errorf("echo %q: status %d, %q, want %d and %q",
					tt.args, got.Status, text, tt.status, tt.want)
			}
		})
	}
}
