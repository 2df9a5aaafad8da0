package ch06_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch06/internal/command"
)

func TestTftpdUsage(t *testing.T) {
	t.Parallel()
	program, root, file := tftpdBuild(t)
	for _, tt := range []struct {
		args   []string
		status int
		text   string
	}{
		{[]string{"-h"}, 0, "go run ./ch06/tftpd -listen"},
		{[]string{"-nonsense"}, 2, "-nonsense"},
		{[]string{"stray"}, 2, `unexpected argument "stray" (try tftpd -h)`},
		{[]string{"-root", root, "-payload", file}, 2, "exclude each other"},
		{[]string{"-patience", "0s"}, 2, "-patience 0s: want more than 0"},
		{[]string{"-timeout", "0s"}, 2, "-timeout 0s: want more than 0"},
		{[]string{"-max-blksize", "511"}, 2, "-max-blksize 511: want 512 to 65464"},
		{[]string{"-max-blksize", "65465"}, 2, "-max-blksize 65465"},
		{[]string{"-max-windowsize", "0"}, 2, "-max-windowsize 0: want 1 to 65535"},
		{[]string{"-max-windowsize", "65536"}, 2, "-max-windowsize 65536"},
		{[]string{"-max-transfers", "0"}, 2, "-max-transfers 0: want 1 or more"},
		{[]string{"-refuse", "tsize,colour"}, 2, `-refuse "colour": want blksize, timeout, tsize or windowsize`},
		{[]string{"-listen", "here"}, 2, "-listen here: want HOST:PORT"},
		{[]string{"-listen", "127.0.0.1:99999"}, 1, "99999"},
		{[]string{"-listen", "127.0.0.1:0", "-root", filepath.Join(root, "missing")}, 1, "missing"},
		{[]string{"-listen", "127.0.0.1:0", "-root", file}, 1, "file"},
		{[]string{"-listen", "127.0.0.1:0", "-payload", filepath.Join(root, "missing")}, 1, "missing"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			got := command.Run(t, program, tt.args...)
			if got.Status != tt.status {
				t.Errorf("tftpd %q: exit status %d, want %d", tt.args, got.Status, tt.status)
			}
			where, other := got.Stderr, got.Stdout
			if tt.status == 0 {
				where, other = got.Stdout, got.Stderr
			}
			if !strings.Contains(where, tt.text) || other != "" {
				t.Errorf("tftpd %q printed %q and %q, want %q", tt.args, got.Stdout, got.Stderr, tt.text)
			}
		})
	}
}

// TestTftpdCommand has tftpd serve a file by hand. A signal in the middle lets the transfer
// end; the log has its line.
func TestTftpdCommand(t *testing.T) {
	t.Parallel()
	program, root, file := tftpdBuild(t)
	for _, tt := range []struct {
		name string
		args []string
		oack string
		file string   // what it begins with
		log  []string // what the log holds
	}{
		{"root", []string{"-root", root}, "blksize\x008192\x00tsize\x0013\x00windowsize\x002\x00", "from the root", nil},
		{"payload", []string{"-payload", file}, "blksize\x008192\x00tsize\x0013\x00windowsize\x002\x00", "from the root", nil},
		{"picture", nil, "blksize\x008192\x00tsize\x00", "<svg ", nil},
		{"plain", []string{"-plain", "-root", root}, "blksize\x008192\x00tsize\x0013\x00windowsize\x002\x00", "from the root", nil},
		{"limits", []string{"-root", root, "-max-blksize", "600", "-max-windowsize", "1"}, "blksize\x00600\x00tsize\x0013\x00windowsize\x001\x00", "from the root", nil},
		{"refuse", []string{"-root", root, "-refuse", "tsize,WindowSize"}, "blksize\x008192\x00", "from the root", nil},
		{"verbose", []string{"-root", root, "-v"}, "blksize\x008192\x00tsize\x0013\x00windowsize\x002\x00", "from the root", []string{
			`<- RRQ "/file" octet blksize=8192 tsize=0 windowsize=2  127.0.0.1:`, "-> OACK blksize=8192 tsize=13 windowsize=2  127.0.0.1:",
			"<- ACK 0  127.0.0.1:", "-> DATA 1 (13 bytes)  127.0.0.1:", "<- ACK 1  127.0.0.1:",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := command.Start(t, program, append(tt.args, "-listen", "127.0.0.1:0")...)
			client, to := tftpdClient(t, server.Addr)
			request := "\x00\x01/file\x00octet\x00blksize\x008192\x00tsize\x000\x00windowsize\x002\x00"
			if _, err := client.WriteTo([]byte(request), to); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 65536)
			n, tid, err := client.ReadFrom(b)
			if err != nil || !strings.HasPrefix(string(b[:n]), "\x00\x06"+tt.oack) {
				t.Fatalf("got %q, %v, want an OACK with %q", b[:n], err, tt.oack)
			}
			if runtime.GOOS != "windows" { // which has no signals
				server.Signal(t, syscall.SIGTERM)
			}
			size := 8192
			if strings.Contains(tt.oack, "600") {
				size = 600
			}
			got, block, last := "", byte(0), false
			for {
				if _, err := client.WriteTo([]byte{0, 4, 0, block}, tid); err != nil {
					t.Fatal(err)
				}
				if last {
					break
				}
				for next := block + 1; block != next; { // others are repeated
					if n, _, err = client.ReadFrom(b); err != nil {
						t.Fatal(err)
					}
					block = b[3]
				}
				got, last = got+string(b[4:n]), n < 4+size
			}
			if !strings.HasPrefix(got, tt.file) {
				t.Errorf("the file begins with %.20q, want %q", got, tt.file)
			}
			server.WaitLine(t, "outcome=done")
			if runtime.GOOS == "windows" {
				return
			}
			ended := server.Wait(t)
			if ended.Status != 0 {
				t.Errorf("after SIGTERM: exit status %d, want 0", ended.Status)
			}
			for _, want := range tt.log {
				if !strings.Contains(ended.Stderr, want) {
					t.Errorf("the log lacks %q", want)
				}
			}
			t.Log(ended.Stderr)
		})
	}
}

// 0.0.0.0 is IPv4 alone, as it is written: the port stays free for IPv6.
func TestTftpdListensAsWritten(t *testing.T) {
	t.Parallel()
	program, _, _ := tftpdBuild(t)
	for _, plain := range []string{"-plain", "-plain=false"} {
		server := command.Start(t, program, "-listen", "0.0.0.0:0", plain)
		host, port, err := net.SplitHostPort(server.Addr)
		if err != nil || host != "0.0.0.0" {
			t.Errorf("%s: listening on %s, %v, want 0.0.0.0", plain, server.Addr, err)
		}
		conn, err := net.ListenPacket("udp6", "[::]:"+port)
		if err != nil {
			if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
				t.Skip("no IPv6 here")
			}
			t.Errorf("%s: the port is not free for IPv6: %v", plain, err)
			continue
		}
		conn.Close()
		client, to := tftpdClient(t, "127.0.0.1:"+port)
		if _, err := client.WriteTo([]byte("\x00\x02f\x00octet\x00"), to); err != nil {
			t.Fatal(err)
		}
		if _, from, err := client.ReadFrom(make([]byte, 600)); err != nil || from.String() != to.String() {
			t.Errorf("%s: the response came from %v, %v, want %v", plain, from, err, to)
		}
	}
}

// tftpdBuild builds the command, and makes a folder with a file in it.
func tftpdBuild(t *testing.T) (program, root, file string) {
	t.Helper()
	root = t.TempDir()
	file = filepath.Join(root, "file")
	if err := os.WriteFile(file, []byte("from the root"), 0o666); err != nil {
		t.Fatal(err)
	}
	return command.Build(t, "./tftpd"), root, file
}

func tftpdClient(t *testing.T, addr string) (net.PacketConn, net.Addr) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure; cannot fail: conn is open
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	return conn, to
}
