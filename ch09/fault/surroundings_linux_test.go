package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch09/internal/command"
)

// TestFaultSurroundings runs faults in unusual surroundings: output that cannot be
// written, odd folders, a low limit of open files.
func TestFaultSurroundings(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	t.Run("output fails", func(t *testing.T) { testFaultOutput(t, bin) })
	t.Run("closed stderr", func(t *testing.T) { testFaultClosedStderr(t, bin) })
	t.Run("dir", func(t *testing.T) { testFaultDir(t, bin) })
	t.Run("inherited", func(t *testing.T) { testFaultInherited(t, bin) })
}

// If the variables cannot be written, the fault is of no use, so it ends at once and
// removes its files.
func testFaultOutput(t *testing.T, bin string) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	reader, closed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer closed.Close()
	for _, tt := range []struct {
		args, want string
		stdout     *os.File
	}{
		{"-h", "fault: help: write /dev/stdout: no space left on device\n", full},
		{"lookup 127.0.0.1", "fault: lookup: write /dev/stdout: no space left", full},
		{"cpu", "fault: cpu: write /dev/stdout: no space left", full},
		{"-size 1 memory", "fault: memory: write", full},
		{"-dir DIR -size 1 disk-io", "fault: disk-io: write", full},
		{"-dir DIR -size 1 disk-full", "fault: disk-full: write", full},
		{"-dir DIR -size 1 deleted-file", "fault: deleted-file: write", full},
		{"refused", "fault: refused: write", full},
		{"timeout", "fault: timeout: write", full},
		{"close-wait", "fault: close-wait: write", full},
		{"time-wait", "fault: time-wait: write", full},
		{"descriptors", "fault: descriptors: write", full},
		{"dns", "fault: dns: write", full},
		{"-dir DIR serve", "fault: serve: write", full},
		{"-dir DIR -size 1 deleted-file", "write /dev/stdout: broken pipe", closed},
	} {
		t.Run(strings.ReplaceAll(tt.args, " ", "_"), func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(bin, strings.Fields(strings.Replace(tt.args, "DIR", dir, 1))...)
			cmd.Stdout = tt.stdout
			start := time.Now()
			got := command.RunCmd(t, cmd)
			if got.Status != 1 || !strings.Contains(got.Stderr, tt.want) {
				t.Errorf("exit status %d, %q, want 1 and %q", got.Status, got.Stderr, tt.want)
			}
			if d := time.Since(start); d > 9*time.Second { // -for is 10 s
				t.Errorf("it ended after %v, want at once", d)
			}
			if left, err := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left in -dir: %v, %v", left, err)
			}
		})
	}
}

// If the messages cannot be written, the fault still exits with 0 and removes its files.
func testFaultClosedStderr(t *testing.T, bin string) {
	reader, closed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer closed.Close()
	dir := t.TempDir()
	cmd := exec.Command(bin, "-for", "1ms", "-size", "1", "-dir", dir, "deleted-file")
	cmd.Stderr = closed
	if got := command.RunCmd(t, cmd); got.Status != 0 {
		t.Errorf("exit status %d, want 0", got.Status)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left in -dir: %v, %v", left, err)
	}
}

// The variable DIR leads to the directory from any shell.
func testFaultDir(t *testing.T, bin string) {
	t.Run("relative", func(t *testing.T) {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		dir, err := filepath.Rel(wd, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		got := command.Run(t, bin, "-size", "1", "-for", "20ms", "-dir", dir, "deleted-file")
		_, line, _ := strings.Cut(got.Stdout, " DIR='")
		if made, _, _ := strings.Cut(line, "' "); !filepath.IsAbs(made) {
			t.Errorf("DIR=%s, want an absolute path, for a shell elsewhere", made)
		}
		if left, err := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left after -for: %v, %v", left, err)
		}
	})
	t.Run("with a quote and a space", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), `it's $HOME`)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		p := command.StartCmd(t, exec.Command(bin, "-dir", dir, "serve"))
		line := p.WaitLine(t, "PID=")
		got := command.Run(t, "/bin/sh", "-c", line+` && ls "$DIR"`)
		if got.Stdout != "serve.log\n" {
			t.Errorf("the shell reads %q as %+v", line, got)
		}
		p.Stop(t, syscall.SIGTERM)
	})
	t.Run("not enough space", func(t *testing.T) {
		got := command.Run(t, bin, "-dir", "/proc", "serve")
		if want := "/proc has 0 MiB free, want 257"; got.Status != 1 ||
			!strings.Contains(got.Stderr, want) {
			t.Errorf("fault -dir /proc serve: %+v, want %q", got, want)
		}
	})
}

// If other files of the process fill the limit, there is nothing to show, and the fault
// says so.
func testFaultInherited(t *testing.T, bin string) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd := exec.Command(bin, "-n", "32", "descriptors")
	for range 32 {
		cmd.ExtraFiles = append(cmd.ExtraFiles, null)
	}
	got := command.RunCmd(t, cmd)
	if want := "too many open files"; got.Status != 1 || !strings.Contains(got.Stderr, want) {
		t.Errorf("exit status %d, %q, want 1 and %q", got.Status, got.Stderr, want)
	}
}
