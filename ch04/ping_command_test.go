package ch04_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch04/internal/command"
	"network-programming-with-go/ch04/internal/conns"
)

// pingCommandTargets returns an address that accepts connections and one that refuses. ended
// gets a value for each connection that ping has closed.
func pingCommandTargets(t *testing.T) (live, closed string, ended chan error) {
	t.Helper()
	l := conns.Listen(t)
	ended = make(chan error, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			_, err = conn.Read(make([]byte, 1)) // until ping closes it
			conn.Close()
			ended <- err
		}
	}()
	return l.Addr().String(), conns.Refused(t), ended
}

// The command is tested as a user would run it: as a process.
func TestPingCommand(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, "./ping")
	live, closed, ended := pingCommandTargets(t)
	_, port, err := net.SplitHostPort(live)
	if err != nil {
		t.Fatal(err)
	}
	const ms = `\d+\.\d{3}ms`
	live3 := `(?s)^seq=1 ADDR time=MS\nseq=2 ADDR time=MS\nseq=3 ADDR time=MS\n` +
		`3 sent, 3 connected, 0% loss, min/avg/max MS/MS/MS\n$`
	fill := strings.NewReplacer("ADDR", regexp.QuoteMeta(live), "MS", ms)

	for _, tt := range []struct {
		name, args  string
		status      int
		out, stderr string // regular expressions
	}{
		{"help", "-h", 0, `(?s)Usage: ping.*Example:.*-W time`, `^$`},
		{"live port", "-i 1ms " + live, 0, fill.Replace(live3), `^$`},
		{"by name", "-c 1 localhost:" + port, 0, `connected, 0% loss`, `^$`},
		{"closed port", "-c 2 -i 0 " + closed, 1,
			`(?s)^seq=1 .* failed: .*refused.*\nseq=2 .*\n2 sent, 0 connected, 100% loss\n$`, `^$`},
		{"IPv6", "-c 1 -W 1ns [::1]:" + port, 1, `^seq=1 \[::1\]:\d+ failed: `, `^$`},
		{"no time for a response", "-c 1 -W 1ns " + live, 1, `failed: no response in 1ns\n1 sent`, `^$`},
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
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "closed port" && runtime.GOOS == "windows" {
				t.Skip("Windows tries a closed port again, for seconds")
			}
			if tt.name == "by name" {
				if _, err := net.LookupHost("localhost"); err != nil {
					t.Skip("no localhost here:", err)
				}
			}
			got := command.Run(t, bin, strings.Fields(tt.args)...)
			if got.Status != tt.status {
				t.Errorf("ping %s: exit status %d, want %d", tt.args, got.Status, tt.status)
			}
			if !regexp.MustCompile(tt.out).MatchString(got.Stdout) {
				t.Errorf("ping %s: stdout %q, want %s", tt.args, got.Stdout, tt.out)
			}
			if !regexp.MustCompile(tt.stderr).MatchString(got.Stderr) {
				t.Errorf("ping %s: stderr %q, want %s", tt.args, got.Stderr, tt.stderr)
			}
			t.Logf("$ ping %s\n%s%s", tt.args, got.Stdout, got.Stderr)
		})
	}

	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run("forever until "+sig.String(), func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("no signals on Windows")
			}
			for len(ended) > 0 {
				<-ended // of earlier tries
			}
			p := command.StartCmd(t, exec.Command(bin, "-c", "0", "-i", "1h", live))
			p.WaitLine(t, "seq=1 ")
			if err := <-ended; err != io.EOF {
				t.Errorf("ping left its connection with %v, want io.EOF", err)
			}
			got := p.Stop(t, sig)
			if got.Status != 0 {
				t.Errorf("exit status %d, want 0", got.Status)
			}
			lines := strings.Split(strings.TrimSuffix(got.Stdout, "\n"), "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[1], "1 sent, 1 connected, 0% loss") {
				t.Errorf("printed %q, want a try and the summary", lines)
			}
		})
	}
}
