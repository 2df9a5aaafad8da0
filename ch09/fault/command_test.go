package main_test

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// buildFault returns the path of the command. go run keeps what it has linked and has
// cp copy it; go build -o would link each time.
func buildFault(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "fault")
	build := exec.Command("go", "run", "-exec", "cp", ".", bin)
	if runtime.GOOS == "windows" { // which has no cp
		bin += ".exe"
		build = exec.Command("go", "build", "-o", bin, ".")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	return bin
}

// faultRun is one run of the command, to its end.
type faultRun struct {
	stdout, stderr string
	status         int // -1 if it did not exit by itself
}

func runFault(t *testing.T, bin string, args ...string) faultRun {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(bin, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return faultRun{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func TestFaultCommand(t *testing.T) {
	t.Parallel()
	bin := buildFault(t)
	t.Run("help", func(t *testing.T) {
		got := runFault(t, bin, "-h")
		if got.status != 0 || got.stderr != "" {
			t.Errorf("fault -h: exit status %d, stderr %q", got.status, got.stderr)
		}
		for _, want := range []string{"Usage: fault", "go run ./ch09/fault", "-for D"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("fault -h does not show %q:\n%s", want, got.stdout)
			}
		}
	})
	t.Run("wrong use", func(t *testing.T) { testFaultWrongUse(t, bin) })
	t.Run("failure", func(t *testing.T) {
		none := filepath.Join(t.TempDir(), "none")
		got := runFault(t, bin, "-dir", none, "deleted-file")
		if got.status != 1 || !strings.HasPrefix(got.stderr, "fault: deleted-file: ") {
			t.Errorf("a directory that does not exist: exit status %d, %q, want 1",
				got.status, got.stderr)
		}
	})
	t.Run("lookup", func(t *testing.T) {
		got := runFault(t, bin, "lookup", "127.0.0.1")
		if got.status != 0 || got.stdout != "127.0.0.1\n" {
			t.Errorf("fault lookup 127.0.0.1 = %d, %q", got.status, got.stdout)
		}
		// Nothing that can be looked up within 1 ns: for lookup that is a failure.
		if got := runFault(t, bin, "-for", "1ns", "lookup", "fault.test"); got.status != 1 {
			t.Errorf("fault -for 1ns lookup: exit status %d, want 1", got.status)
		}
	})
	t.Run("ends by itself", func(t *testing.T) {
		got := runFault(t, bin, "-for", "20ms", "-n", "1", "cpu")
		if got.status != 0 || !strings.HasPrefix(got.stdout, "PID=") {
			t.Errorf("fault -for 20ms cpu = %d, %q", got.status, got.stdout)
		}
	})
	t.Run("ends before it began", func(t *testing.T) {
		if got := runFault(t, bin, "-for", "1ns", "close-wait"); got.status != 0 {
			t.Errorf("fault -for 1ns close-wait: exit status %d, %s", got.status, got.stderr)
		}
	})
}

func testFaultWrongUse(t *testing.T, bin string) {
	for _, tt := range []struct{ args, want string }{
		{"", "no fault named"},
		{"gremlin", `"gremlin": want one of close-wait, cpu`},
		{"cpu extra", `stray argument "extra"`},
		{"cpu -for 1s", "-for: flags go before cpu"},
		{"lookup", "lookup: no NAME"},
		{"-server 127.0.0.1 lookup name", "-server: address 127.0.0.1: missing port"},
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
		got := runFault(t, bin, strings.Fields(tt.args)...)
		if got.status != 2 || got.stdout != "" {
			t.Errorf("fault %s: exit status %d, stdout %q, want 2 and nothing",
				tt.args, got.status, got.stdout)
		}
		if !strings.Contains(got.stderr, tt.want) || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("fault %s says %q, want one line with %q", tt.args, got.stderr, tt.want)
		}
	}
}
