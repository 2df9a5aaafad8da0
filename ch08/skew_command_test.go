package ch08_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch08/internal/command"
)

// TestSkewCommand builds the command and runs it as its users do.
func TestSkewCommand(t *testing.T) {
	t.Parallel()
	skew := command.Build(t, "./skew")
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
			w.WriteHeader(http.StatusMethodNotAllowed) // tells the time too
		case "/silent":
			asked <- r.Method
			<-r.Context().Done()
		}
	}))
	defer ts.Close()
	withPassword := strings.Replace(ts.URL, "://", "://ada:secret@", 1)

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
		{"timeout of 0", []string{"-timeout", "0", ts.URL}, 2, `^$`, `^skew: -timeout 0s: want more than 0 .*\n$`},
		{"no scheme", []string{ts.URL, "example.test"}, 2, `^$`, `^skew: "example.test": want http.*\n$`},
		{"other scheme", []string{"ftp://example.test"}, 2, `^$`, `^skew: "ftp://example.test": want http.*\n$`},
		{"malformed", []string{"http://%zz/"}, 2, `^$`, `^skew: "http://%zz/": want http.*\n$`},
		{"no host", []string{"http:///x"}, 2, `^$`, `^skew: "http:///x": want http.*\n$`},
		{"three", []string{ts.URL + "/ahead", strings.Replace(ts.URL, "http", "HTTP", 1), ts.URL + "/refused"},
			0, `^\+3\d{3}\.\d{3}s \S+/ahead\n[+-]\d\.\d{3}s http://\S+\n[+-]\d\.\d{3}s \S+/refused\n$`, `^$`},
		{"one succeeds", []string{"-timeout", "5s", ts.URL + "/none", ts.URL + "/broken", "http://127.0.0.1:0/", ts.URL},
			1, `^[+-]\d\.\d{3}s \S+\n$`, `^skew: \S+/none: response without a Date field\n` +
				`skew: \S+/broken: .*yesterday.*\nskew: http://127.0.0.1:0/: .*\n$`},
		{"silent", []string{"-timeout", "50ms", ts.URL + "/silent"}, 1, `^$`, `^skew: \S+/silent: .*\n$`},

		// A password in an argument is never printed.
		{"password", []string{withPassword}, 0, `^[+-]\d\.\d{3}s http://ada:xxxxx@127\S+\n$`, `^$`},
		{"password, failure", []string{withPassword + "/none"}, 1, `^$`, `^skew: http://ada:xxxxx@127\S+/none: response without .*\n$`},
		{"password, dial", []string{"http://ada:secret@127.0.0.1:0/"}, 1, `^$`, `^skew: http://ada:xxxxx@127.0.0.1:0/: .*\n$`},
		{"password, malformed", []string{"http://ada:secret@%zz/"}, 2, `^$`, `^skew: "%zz/": want http.*\n$`},
		{"password, other scheme", []string{"ftp://ada:secret@b@example.test/"}, 2, `^$`, `^skew: "example.test/": want http.*\n$`},
		{"password, no scheme", []string{"ada:secret@example.test"}, 2, `^$`, `^skew: "example.test": want http.*\n$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := command.Run(t, skew, tt.args...)
			if got.Status != tt.status {
				t.Errorf("skew %s: exit status %d, want %d", tt.args, got.Status, tt.status)
			}
			if !regexp.MustCompile(tt.stdout).MatchString(got.Stdout) {
				t.Errorf("skew %s: stdout = %q, want %s", tt.args, got.Stdout, tt.stdout)
			}
			if !regexp.MustCompile(tt.stderr).MatchString(got.Stderr) || strings.Contains(got.Stderr, "secret") {
				t.Errorf("skew %s: stderr = %q, want %s", tt.args, got.Stderr, tt.stderr)
			}
			t.Logf("skew %s\n%s%s", strings.Join(tt.args, " "), got.Stdout, got.Stderr)
		})
	}

	// An interrupted request fails at once, and the next is not even tried.
	t.Run("interrupt", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no SIGTERM to send")
		}
		for len(asked) > 0 {
			<-asked // of the run that timed out
		}
		p := command.StartCmd(t, exec.Command(skew, "-timeout", "1h", ts.URL+"/silent", ts.URL+"/silent"))
		if method := <-asked; method != http.MethodHead {
			t.Errorf("method = %s, want HEAD", method)
		}
		got := p.Stop(t, syscall.SIGTERM)
		t.Logf("%s", got.Stderr)
		if got.Status != 1 || strings.Count(got.Stderr, "\n") != 1 || len(asked) != 0 {
			t.Errorf("exit status %d, %q, %d more requests, want 1, one line, 0",
				got.Status, got.Stderr, len(asked))
		}
	})
	t.Run("full disk", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("only Linux has /dev/full")
		}
		cmd := exec.Command("sh", "-c", `exec "$0" "$1" >/dev/full`, skew, ts.URL)
		if got := command.RunCmd(t, cmd); got.Status != 1 || !strings.Contains(got.Stderr, "no space left") {
			t.Errorf("exit status %d, %q, want 1 and no space left", got.Status, got.Stderr)
		}
	})
}
