package ch06_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/command"
)

func TestTftpCommand(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./tftp")
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	addr := tftpServe(t, content)
	silent := tftpListen(t)

	for _, tt := range []struct {
		name   string
		args   []string
		status int
		file   string // that must be there afterwards, alone; "" none
		stdout string // what it begins with
		stderr string // whose lines it holds, and perhaps others between
	}{
		{"help", []string{"-h"}, 0, "", "tftp fetches a file", ""},
		{"name of the source", []string{addr, "boot/kernel"}, 0, "kernel", "", ""},
		{"backslashes", []string{addr, `boot\kernel`}, 0, "kernel", "", ""},
		{"-o", []string{"-o", "out", addr, "boot/kernel"}, 0, "out", "", ""},
		{"lock-step", []string{"-blksize", "512", "-windowsize", "1", "-o", "out", addr, "boot/kernel"}, 0, "out", "", ""},
		{"-plain", []string{"-plain", "-o", "out", addr, "boot/kernel"}, 0, "out", "", ""},
		{"-v", []string{"-v", "-o", "out", addr, "boot/kernel"}, 0, "out", "",
			"-> RRQ \"boot/kernel\" octet tsize=0 blksize=1428 windowsize=64\n<- OACK tsize=100000 blksize=1428 windowsize=64\n-> ACK 0\n<- DATA 1 (1428 bytes)\n"},
		{"-no-options", []string{"-v", "-no-options", "-o", "out", addr, "boot/kernel"}, 0, "out", "",
			"-> RRQ \"boot/kernel\" octet\n<- DATA 1 (512 bytes)\n-> ACK 1\n"},
		{"standard output", []string{"-o", "-", addr, "boot/kernel"}, 0, "", "0123456789", ""},
		{"missing", []string{addr, "missing"}, 1, "", "", `file not found: "missing"`},
		{"silent server", []string{"-timeout", "1ms", "-patience", "50ms", silent.LocalAddr().String(), "f"}, 1, "", "", "no response for"},
		{"no folder", []string{"-o", "no/folder", addr, "boot/kernel"}, 1, "", "", "no"},
		{"a folder", []string{"-o", ".", addr, "boot/kernel"}, 1, "", "", ". is a directory"},
		{"no arguments", nil, 2, "", "", "0 arguments, want HOST[:PORT] and NAME (try tftp -h)"},
		{"three arguments", []string{addr, "f", "g"}, 2, "", "", "3 arguments"},
		{"unknown flag", []string{"-x", addr, "f"}, 2, "", "", "-x"},
		{"block size 7", []string{"-blksize", "7", addr, "f"}, 2, "", "", "-blksize 7: want 8 to 65464"},
		{"block size 65465", []string{"-blksize", "65465", addr, "f"}, 2, "", "", "-blksize 65465"},
		{"window size 0", []string{"-windowsize", "0", addr, "f"}, 2, "", "", "-windowsize 0: want 1 to 32767"},
		{"window size 32768", []string{"-windowsize", "32768", addr, "f"}, 2, "", "", "-windowsize 32768"},
		{"timeout", []string{"-timeout", "-1s", addr, "f"}, 2, "", "", "-timeout -1s: want more than 0"},
		{"patience", []string{"-patience", "0s", addr, "f"}, 2, "", "", "-patience 0s: want more than 0"},
		{"no name to write to", []string{addr, "boot/.."}, 2, "", "", "use -o FILE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(program, tt.args...)
			cmd.Dir = t.TempDir()
			got := command.RunCmd(t, cmd)
			if got.Status != tt.status {
				t.Errorf("tftp %q: exit status %d, want %d; it printed %.200q", tt.args, got.Status, tt.status, got.Stderr)
			}
			if !strings.HasPrefix(got.Stdout, tt.stdout) || tt.stdout == "" && got.Stdout != "" {
				t.Errorf("tftp %q printed %.40q, want %q", tt.args, got.Stdout, tt.stdout)
			}
			rest, ok := got.Stderr, true // a busy machine may see packets that are retransmitted
			for line := range strings.Lines(tt.stderr) {
				_, after, found := strings.Cut(rest, line)
				rest, ok = after, ok && found
			}
			if !ok || tt.stderr == "" && got.Stderr != "" {
				t.Errorf("tftp %q wrote to standard error %.300q, want %q", tt.args, got.Stderr, tt.stderr)
			}
			tftpOnly(t, cmd.Dir, tt.file, content)
		})
	}

	t.Run("an existing file outlives a failure", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(out, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := command.Run(t, program, "-o", out, addr, "missing"); got.Status != 1 {
			t.Errorf("exit status %d for a missing file, want 1; it printed %q", got.Status, got.Stderr)
		}
		tftpOnly(t, filepath.Dir(out), "out", []byte("old"))
	})

	t.Run("through a link", func(t *testing.T) {
		dir := t.TempDir()
		target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
		if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		const mode = 0o666 // more than a umask leaves
		if err := os.Chmod(target, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("target", link); err != nil {
			t.Skipf("no links here: %v", err)
		}
		if got := command.Run(t, program, "-o", link, addr, "boot/kernel"); got.Status != 0 {
			t.Fatalf("exit status %d: %s", got.Status, got.Stderr)
		}
		if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, content) {
			t.Errorf("the link's target has %d bytes, %v, want the file", len(got), err)
		}
		info, err := os.Lstat(link)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link is %v, %v, want a link still", info.Mode(), err)
		}
		if info, err := os.Stat(target); err != nil || info.Mode().Perm() != mode && runtime.GOOS != "windows" {
			t.Errorf("the target's mode is %v, %v, want it kept", info.Mode(), err)
		}
	})

	t.Run("/dev/stdout", func(t *testing.T) {
		if _, err := os.Stat("/dev/stdout"); err != nil {
			t.Skip(err)
		}
		if got := command.Run(t, program, "-o", "/dev/stdout", addr, "boot/kernel"); got.Status != 0 || got.Stdout != string(content) {
			t.Errorf("exit status %d and %d bytes in the pipe, want 0 and the file: %s", got.Status, len(got.Stdout), got.Stderr)
		}
	})

	for _, sent := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sent.String(), func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("no signals on windows")
			}
			if signal.Ignored(sent) {
				t.Skip("the tests run under nohup, and tftp would, too")
			}
			server := tftpListen(t)
			cmd := exec.Command(program, server.LocalAddr().String(), "f")
			cmd.Dir = t.TempDir()
			p := command.StartCmd(t, cmd)
			if _, _, err := server.ReadFrom(make([]byte, 600)); err != nil { // it waits for a response
				t.Fatal(err)
			}
			if got := p.Stop(t, sent); got.Status != 1 {
				t.Errorf("after %v: exit status %d, want 1", sent, got.Status)
			}
			tftpOnly(t, cmd.Dir, "", nil)
		})
	}
}

// tftpOnly checks that a folder holds one file alone, or none if name is empty.
func tftpOnly(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	switch {
	case err != nil:
		t.Error(err)
	case name == "" && len(entries) > 0:
		t.Errorf("left behind: %v", entries)
	case name != "":
		if got, err := os.ReadFile(filepath.Join(dir, name)); len(entries) != 1 || err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes, %v, in %v, want the file %s alone", len(got), err, entries, name)
		}
	}
}

func tftpServe(t *testing.T, content []byte) string {
	t.Helper()
	server := &ch06.Server{FS: fstest.MapFS{"boot/kernel": {Data: content, Mode: 0o444}}}
	conn := tftpListen(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		server.Close() // always nil
		<-served
	})
	return conn.LocalAddr().String()
}

func tftpListen(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
