package ch04_test

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// pingCommandTargets returns an address that accepts connections and one that refuses.
func pingCommandTargets(t *testing.T) (live, closed string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			conn.Close()
		}
	}()
	held, err := net.Dial("tcp", l.Addr().String()) // has a port on which nobody can listen
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	return l.Addr().String(), held.LocalAddr().String()
}

// The command is tested as a user would run it: as a process.
func TestPingCommand(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "ping.exe") // Windows wants the suffix
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./ping", bin)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", bin, "./ping")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("ping"); err != nil {
		t.Fatal(err)
	}
	live, closed := pingCommandTargets(t)
	_, port, err := net.SplitHostPort(live)
	if err != nil {
		t.Fatal(err)
	}
	const ms = `\d+\.\d{3}ms`
	live3 := `(?s)^seq=1 ADDR time=MS\nseq=2 ADDR time=MS\nseq=3 ADDR time=MS\n` +
		`3 sent, 3 connected, 0% loss, min/avg/max MS/MS/MS\n$`
	fill := strings.NewReplacer("ADDR", regexp.QuoteMeta(live), "MS", ms)

	for _, tc := range []struct {
		name, args  string
		code        int
		out, stderr string // regular expressions
	}{
		{"help", "-h", 0, `(?s)Usage: ping.*Example:.*-W time`, `^$`},
		{"live port", "-i 1ms " + live, 0, fill.Replace(live3), `^$`},
		{"by name", "-c 1 localhost:" + port, 0, `connected, 0% loss`, `^$`},
		{"closed port", "-c 2 -i 0 " + closed, 1,
			`(?s)^seq=1 .* failed: .*refused.*\nseq=2 .*\n2 sent, 0 connected, 100% loss\n$`, `^$`},
		{"IPv6", "-c 1 -W 1ns [::1]:" + port, 1, `^seq=1 \[::1\]:\d+ failed: `, `^$`},
		{"no time to answer", "-c 1 -W 1ns " + live, 1, `failed: no answer in 1ns\n1 sent`, `^$`},
		{"no argument", "", 2, `^$`, `^ping: HOST:PORT is missing \(try ping -h\)\n$`},
		{"two arguments", "a:1 b:2", 2, `^$`, `unexpected argument "b:2"`},
		{"no port", "localhost", 2, `^$`, `missing port`},
		{"no host", ":80", 2, `^$`, `host is missing`},
		{"wrong port", "localhost:65536", 2, `^$`, `unknown port`},
		{"negative count", "-c -1 " + live, 2, `^$`, `-c -1: want 0 or more`},
		{"negative interval", "-i -1s " + live, 2, `^$`, `-i -1s: want 0 or more`},
		{"no time to wait", "-W 0 " + live, 2, `^$`, `-W 0s: want more than 0`},
		{"time without a unit", "-W 5 " + live, 2, `^$`, `invalid value "5" for flag -W`},
		{"unknown flag", "-x", 2, `^$`, `flag provided but not defined: -x`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.name == "closed port" && runtime.GOOS == "windows" {
				t.Skip("Windows tries a closed port again, for seconds")
			}
			if tc.name == "by name" {
				if _, err := net.LookupHost("localhost"); err != nil {
					t.Skip("no localhost here:", err)
				}
			}
			var stdout, stderr bytes.Buffer
			cmd := exec.Command(bin, strings.Fields(tc.args)...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
				t.Fatal(err)
			} else if ok && exit.ExitCode() != tc.code || !ok && tc.code != 0 {
				t.Errorf("ping %s: %v, want exit status %d", tc.args, err, tc.code)
			}
			if !regexp.MustCompile(tc.out).Match(stdout.Bytes()) {
				t.Errorf("ping %s: stdout %q, want %s", tc.args, &stdout, tc.out)
			}
			if !regexp.MustCompile(tc.stderr).Match(stderr.Bytes()) {
				t.Errorf("ping %s: stderr %q, want %s", tc.args, &stderr, tc.stderr)
			}
			t.Logf("$ ping %s\n%s%s", tc.args, &stdout, &stderr)
		})
	}

	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run("for ever until "+sig.String(), func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("no signals on Windows")
			}
			cmd := exec.Command(bin, "-c", "0", "-i", "1h", live)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(stdout)
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), "seq=1 ") {
				t.Errorf("first line %q", lines.Text())
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Error(err)
			}
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), "1 sent, 1 connected, 0% loss") {
				t.Errorf("last line %q, want the summary", lines.Text())
			}
			if lines.Scan() {
				t.Errorf("one line too many: %q", lines.Text())
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("ping: %v, want exit status 0", err)
			}
		})
	}
}
