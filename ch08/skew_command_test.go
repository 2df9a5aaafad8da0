package ch08_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSkewCommand builds the command and runs it as a user would.
func TestSkewCommand(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "skew.exe") // .exe for Windows, no harm elsewhere
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./skew", bin)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", bin, "./skew")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("skew"); err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 8)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ahead":
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		case "/none":
			w.Header()["Date"] = nil // net/http adds none
		case "/broken":
			w.Header().Set("Date", "yesterday")
		case "/refused":
			w.WriteHeader(http.StatusMethodNotAllowed) // tells the time all the same
		case "/silent":
			asked <- r.Method
			<-r.Context().Done()
		}
	}))
	defer ts.Close()

	for _, tt := range []struct {
		name           string
		args           []string
		status         int
		stdout, stderr string // regular expressions
	}{
		{"help", []string{"-h"}, 0, `(?s)^skew prints .*Usage: skew .*Example:.*-timeout TIME`, `^$`},
		{"no URL", nil, 2, `^$`, `^skew: want at least one URL \(try skew -h\)\n$`},
		{"flag", []string{"-x"}, 2, `^$`, `^skew: .*-x.*\n$`},
		{"timeout", []string{"-timeout", "-1s", ts.URL}, 2, `^$`, `^skew: -timeout -1s: want more than 0 .*\n$`},
		{"no scheme", []string{ts.URL, "example.test"}, 2, `^$`, `^skew: "example.test": want http.*\n$`},
		{"other scheme", []string{"ftp://example.test"}, 2, `^$`, `^skew: "ftp://example.test": want http.*\n$`},
		{"malformed", []string{"http://%zz/"}, 2, `^$`, `^skew: "http://%zz/": want http.*\n$`},
		{"no host", []string{"http:///x"}, 2, `^$`, `^skew: "http:///x": want http.*\n$`},
		{"three", []string{ts.URL + "/ahead", strings.Replace(ts.URL, "http", "HTTP", 1), ts.URL + "/refused"},
			0, `^\+3\d{3}\.\d{3}s \S+/ahead\n[+-]\d\.\d{3}s HTTP://\S+\n[+-]\d\.\d{3}s \S+/refused\n$`, `^$`},
		{"one succeeds", []string{"-timeout", "5s", ts.URL + "/none", ts.URL + "/broken", "http://127.0.0.1:0/", ts.URL},
			1, `^[+-]\d\.\d{3}s \S+\n$`, `^skew: \S+/none: answer without a Date field\n` +
				`skew: \S+/broken: .*yesterday.*\nskew: http://127.0.0.1:0/: .*\n$`},
		{"silent", []string{"-timeout", "50ms", ts.URL + "/silent"}, 1, `^$`, `^skew: \S+/silent: .*\n$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			cmd := exec.Command(bin, tt.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tt.status {
				t.Errorf("skew %s: exit status %d, want %d", tt.args, got, tt.status)
			}
			if !regexp.MustCompile(tt.stdout).Match(stdout.Bytes()) {
				t.Errorf("skew %s: stdout = %q, want %s", tt.args, &stdout, tt.stdout)
			}
			if !regexp.MustCompile(tt.stderr).Match(stderr.Bytes()) {
				t.Errorf("skew %s: stderr = %q, want %s", tt.args, &stderr, tt.stderr)
			}
			t.Logf("skew %s\n%s%s", strings.Join(tt.args, " "), &stdout, &stderr)
		})
	}

	// An interrupted request is a failure, told at once; the next is not even tried.
	t.Run("interrupt", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no SIGTERM to send")
		}
		for len(asked) > 0 {
			<-asked // of the run that timed out
		}
		cmd := exec.Command(bin, "-timeout", "1h", ts.URL+"/silent", ts.URL+"/silent")
		pipe, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if method := <-asked; method != http.MethodHead {
			t.Errorf("method = %s, want HEAD", method)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		line, err := bufio.NewReader(pipe).ReadString('\n')
		t.Logf("%s", line)
		cmd.Wait() // its status is what counts
		if got := cmd.ProcessState.ExitCode(); got != 1 || err != nil || len(asked) != 0 {
			t.Errorf("exit status %d, %v, %d more requests, want 1, nil, 0", got, err, len(asked))
		}
	})
}
