package ch06_test

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"network-programming-with-go/ch06"
)

func TestTftpCommand(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "tftp.exe") // the ending does no harm elsewhere
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./tftp", program)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", program, "./tftp")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("tftp"); err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	server := &ch06.Server{FS: fstest.MapFS{
		"boot/kernel": &fstest.MapFile{Data: content, Mode: 0o444},
		"empty":       &fstest.MapFile{Mode: 0o444},
	}}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(conn) // ends with Close
	t.Cleanup(func() { server.Close() })
	addr := conn.LocalAddr().String()

	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })

	for _, tt := range []struct {
		name   string
		args   []string
		status int
		file   string // that must be there afterwards, alone; "" none
		stdout string // what it begins with
		stderr string // what it holds
	}{
		{"help", []string{"-h"}, 0, "", "tftp fetches a file", ""},
		{"name of the source", []string{addr, "boot/kernel"}, 0, "kernel", "", ""},
		{"backslashes", []string{addr, `boot\kernel`}, 0, "kernel", "", ""},
		{"-o", []string{"-o", "out", addr, "boot/kernel"}, 0, "out", "", ""},
		{"lock-step", []string{"-blksize", "512", "-windowsize", "1", "-o", "out", addr, "boot/kernel"}, 0, "out", "", ""},
		{"standard output", []string{"-o", "-", addr, "boot/kernel"}, 0, "", "0123456789", ""},
		{"missing", []string{addr, "missing"}, 1, "", "", `file not found: "missing"`},
		{"silent server", []string{"-timeout", "1ms", silent.LocalAddr().String(), "f"}, 1, "", "", "silent"},
		{"no folder", []string{"-o", "no/folder", addr, "boot/kernel"}, 1, "", "", "no"},
		{"no arguments", nil, 2, "", "", "want HOST:PORT and NAME"},
		{"no port", []string{"127.0.0.1", "f"}, 2, "", "", "missing port"},
		{"unknown flag", []string{"-x", addr, "f"}, 2, "", "", "-x"},
		{"block size", []string{"-blksize", "7", addr, "f"}, 2, "", "", "-blksize 7"},
		{"window size", []string{"-windowsize", "0", addr, "f"}, 2, "", "", "-windowsize 0"},
		{"timeout", []string{"-timeout", "-1s", addr, "f"}, 2, "", "", "-timeout -1s"},
		{"no name to write to", []string{addr, "boot/.."}, 2, "", "", "use -o FILE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var stdout, stderr bytes.Buffer
			cmd := exec.Command(program, tt.args...)
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
			err := cmd.Run()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != tt.status {
				t.Errorf("tftp %q: %v, want exit status %d; it printed %q", tt.args, err, tt.status, &stderr)
			}
			if !strings.HasPrefix(stdout.String(), tt.stdout) || tt.stdout == "" && stdout.Len() > 0 {
				t.Errorf("tftp %q printed %.40q, want %q", tt.args, &stdout, tt.stdout)
			}
			if !strings.Contains(stderr.String(), tt.stderr) || tt.stderr == "" && stderr.Len() > 0 {
				t.Errorf("tftp %q complained %q, want %q", tt.args, &stderr, tt.stderr)
			}
			entries, err := os.ReadDir(dir)
			switch {
			case err != nil:
				t.Error(err)
			case tt.file == "" && len(entries) > 0:
				t.Errorf("tftp %q left %v", tt.args, entries)
			case tt.file != "":
				if got, err := os.ReadFile(filepath.Join(dir, tt.file)); len(entries) != 1 || err != nil || !bytes.Equal(got, content) {
					t.Errorf("tftp %q wrote %d bytes, %v, in %v, want the file alone", tt.args, len(got), err, entries)
				}
			}
		})
	}

	t.Run("an existing file outlives a failure", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(out, []byte("old"), 0o666); err != nil {
			t.Fatal(err)
		}
		if text, err := exec.Command(program, "-o", out, addr, "missing").CombinedOutput(); err == nil {
			t.Errorf("no error for a missing file; it printed %q", text)
		}
		if got, err := os.ReadFile(out); err != nil || string(got) != "old" {
			t.Errorf("the file holds %.20q, %v, want what it did", got, err)
		}
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
		if out, err := exec.Command(program, "-o", link, addr, "boot/kernel").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
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
		cmd := exec.Command(program, "-o", "/dev/stdout", addr, "boot/kernel")
		out, err := cmd.Output() // a pipe: written to, not replaced
		if err != nil || !bytes.Equal(out, content) {
			t.Errorf("%d bytes, %v, want the file", len(out), err)
		}
	})

	t.Run("interrupted", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("no signals on windows")
		}
		tftpSignal(t, program, silent, syscall.SIGINT)
		tftpSignal(t, program, silent, syscall.SIGHUP)
	})
}

// tftpSignal ends a client that waits for a server: it must leave nothing behind.
func tftpSignal(t *testing.T, program string, silent net.PacketConn, ending syscall.Signal) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(program, silent.LocalAddr().String(), "f")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 600); ; { // until the request of this process has come
		n, _, err := silent.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || n > 0 && len(entries) == 1 {
			break
		}
	}
	if err := cmd.Process.Signal(ending); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("after %v: %v, want exit status 1", ending, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v left %v, %v", ending, entries, err)
	}
}
