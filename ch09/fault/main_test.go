package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestFault(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "fault")
	if runtime.GOOS == "windows" {
		bin += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("help", func(t *testing.T) {
		out, err := exec.Command(bin, "-h").Output()
		if err != nil {
			t.Fatalf("fault -h: %v", err)
		}
		for _, want := range []string{"Usage: fault", "go run ./ch09/fault", "-for D"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("fault -h does not show %q:\n%s", want, out)
			}
		}
	})
	t.Run("wrong use", func(t *testing.T) { testWrongUse(t, bin) })
	t.Run("failure", func(t *testing.T) {
		var stderr bytes.Buffer
		cmd := exec.Command(bin, "-dir", filepath.Join(t.TempDir(), "none"), "deleted-file")
		cmd.Stderr = &stderr
		if err := cmd.Run(); mainExit(err) != 1 {
			t.Errorf("a directory that does not exist: %v, want exit status 1", err)
		}
		if !strings.HasPrefix(stderr.String(), "fault: deleted-file: ") {
			t.Errorf("stderr = %q", &stderr)
		}
	})
	t.Run("lookup", func(t *testing.T) {
		out, err := exec.Command(bin, "lookup", "127.0.0.1").Output()
		if got := string(out); err != nil || got != "127.0.0.1\n" {
			t.Errorf("fault lookup 127.0.0.1 = %q, %v", got, err)
		}
	})
	t.Run("ends by itself", func(t *testing.T) {
		out, err := exec.Command(bin, "-for", "50ms", "-n", "1", "cpu").Output()
		if err != nil || !strings.HasPrefix(string(out), "PID=") {
			t.Errorf("fault -for 50ms cpu = %q, %v", out, err)
		}
	})
	if runtime.GOOS == "linux" { // the others have no space check, so no log file
		t.Run("serve", func(t *testing.T) { testServe(t, bin) })
	}
}

func testWrongUse(t *testing.T, bin string) {
	for _, tt := range []struct{ args, want string }{
		{"", "no fault named"},
		{"gremlin", `"gremlin": want one of close-wait, cpu`},
		{"cpu extra", `stray argument "extra"`},
		{"lookup", "lookup: no NAME"},
		{"-for 6m cpu", "-for 6m0s: want"},
		{"-for 0s cpu", "-for 0s: want"},
		{"-n 0 cpu", "-n 0: want"},
		{"-n 513 close-wait", "-n 513: want"},
		{"-n 8 descriptors", "-n 8: want"},
		{"-size 1025 memory", "-size 1025: want"},
		{"-size 8 cpu", "-size: not a flag of cpu"},
		{"-dir /tmp refused", "-dir: not a flag of refused"},
		{"-q cpu", "not defined: -q"},
	} {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(bin, strings.Fields(tt.args)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); mainExit(err) != 2 {
			t.Errorf("fault %s: %v, want exit status 2", tt.args, err)
		}
		line := stderr.String()
		if !strings.Contains(line, tt.want) || strings.Count(line, "\n") != 1 {
			t.Errorf("fault %s says %q, want one line with %q", tt.args, line, tt.want)
		}
		if stdout.Len() > 0 {
			t.Errorf("fault %s prints %q", tt.args, &stdout)
		}
	}
}

// testServe asks the HTTP server for each kind of answer, finds each in its log, and
// ends it.
func testServe(t *testing.T, bin string) {
	cmd := exec.Command(bin, "-for", "1m", "serve")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(stderr)
	var addr string
	for addr == "" && lines.Scan() {
		addr, _ = strings.CutPrefix(lines.Text(), "listening on ")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/": 200, "/missing": 404, "/error": 500} {
		resp, err := client.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, resp.StatusCode, want)
		}
		for lines.Scan() && !strings.Contains(lines.Text(), "path="+path+" ") {
		}
		t.Log(lines.Text())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, stderr) // until it ends; its error is Wait's
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// mainExit returns the exit status that err tells, 0 for nil, -1 for another error.
func mainExit(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	return -1
}
