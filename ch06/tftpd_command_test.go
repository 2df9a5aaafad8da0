package ch06_test

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTftpdCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "tftpd.exe") // the ending does no harm elsewhere
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./tftpd", program)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", program, "./tftpd")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("tftpd"); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, []byte("from the root"), 0o666); err != nil {
		t.Fatal(err)
	}

	t.Run("usage", func(t *testing.T) {
		for _, tt := range []struct {
			args   []string
			status int
			text   string
		}{
			{[]string{"-h"}, 0, "go run ./ch06/tftpd -listen"},
			{[]string{"-nonsense"}, 2, "-nonsense"},
			{[]string{"stray"}, 2, `unexpected argument "stray"`},
			{[]string{"-root", root, "-payload", file}, 2, "exclude each other"},
			{[]string{"-retries", "-1"}, 2, "-retries -1"},
			{[]string{"-timeout", "0s"}, 2, "-timeout 0s"},
			{[]string{"-max-blksize", "7"}, 2, "-max-blksize 7"},
			{[]string{"-max-windowsize", "65536"}, 2, "-max-windowsize 65536"},
			{[]string{"-max-transfers", "0"}, 2, "-max-transfers 0"},
			{[]string{"-listen", "here"}, 2, "-listen here: want HOST:PORT"},
			{[]string{"-listen", "127.0.0.1:99999"}, 1, "99999"},
			{[]string{"-listen", "127.0.0.1:0", "-root", filepath.Join(dir, "missing")}, 1, "missing"},
			{[]string{"-listen", "127.0.0.1:0", "-payload", filepath.Join(dir, "missing")}, 1, "missing"},
		} {
			var stdout, stderr bytes.Buffer
			cmd := exec.Command(program, tt.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != tt.status {
				t.Errorf("tftpd %q: %v, want exit status %d", tt.args, err, tt.status)
			}
			where, other := &stderr, &stdout
			if tt.status == 0 {
				where, other = &stdout, &stderr
			}
			if !strings.Contains(where.String(), tt.text) || other.Len() > 0 {
				t.Errorf("tftpd %q printed %q and %q, want %q", tt.args, &stdout, &stderr, tt.text)
			}
		}
	})

	t.Run("log that nobody reads", func(t *testing.T) { tftpdUnread(t, program, root) })

	for _, tt := range []struct {
		name, prefix string
		args         []string
	}{
		{"root", "from the root", []string{"-root", root}},
		{"payload", "from the root", []string{"-payload", file}},
		{"picture", "<svg ", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(program, append(tt.args, "-listen", "127.0.0.1:0")...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cmd.Process.Kill() // ended long since, unless the test fails
				cmd.Wait()         // as above
			}()
			lines := bufio.NewScanner(stderr)
			lines.Scan()
			addr, ok := strings.CutPrefix(lines.Text(), "listening on ")
			if !ok {
				t.Fatalf("the first line was %q, want listening on HOST:PORT", lines.Text())
			}

			client, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			client.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure; cannot fail: client is open
			to, err := net.ResolveUDPAddr("udp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.WriteTo([]byte("\x00\x01/file\x00octet\x00blksize\x008192\x00"), to); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 65536)
			_, tid, err := client.ReadFrom(b) // the option acknowledgment
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" {
				// The transfer has begun: a signal lets it end.
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			for block := byte(0); ; block++ {
				if _, err := client.WriteTo([]byte{0, 4, 0, block}, tid); err != nil {
					t.Fatal(err)
				}
				if block > 0 && len(b) < 4+8192 {
					break
				}
				n, _, err := client.ReadFrom(b[:cap(b)])
				if err != nil {
					t.Fatal(err)
				}
				if b = b[:n]; block == 0 && !strings.HasPrefix(string(b[4:]), tt.prefix) {
					t.Errorf("the file begins with %.20q, want %q", b[4:], tt.prefix)
				}
			}
			if runtime.GOOS == "windows" {
				t.Log("no signals on windows: the process is killed")
				return
			}
			var log strings.Builder
			for lines.Scan() {
				log.WriteString(lines.Text())
			}
			if err := cmd.Wait(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("after SIGTERM: %v, want exit status 0", err)
			}
			if !strings.Contains(log.String(), "outcome=done") {
				t.Errorf("the log says %q, want the transfer done", &log)
			}
			t.Log(log.String())
		})
	}
}

// tftpdUnread closes the other end of the server's log: it must go on.
func tftpdUnread(t *testing.T, program, root string) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGPIPE and no SIGTERM on windows")
	}
	cmd := exec.Command(program, "-root", root, "-listen", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill() // ended long since, unless the test fails
		cmd.Wait()         // as above
	}()
	line, err := bufio.NewReader(stderr).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("the first line was %q, %v", line, err)
	}
	stderr.Close()
	client, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetDeadline(time.Now().Add(10 * time.Second)) // cannot fail: client is open
	for range 2 {                                        // each refusal is a line of the log
		if _, err := client.Write([]byte("\x00\x02file\x00octet\x00")); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(make([]byte, 512)); err != nil {
			t.Fatalf("the server does not answer: %v", err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
}
