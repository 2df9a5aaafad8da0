package ch06_test

import (
	"crypto/sha512"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"network-programming-with-go/ch06/internal/command"
)

// TestSumStreams runs the command, and GNU sha512sum, from a shell with standard streams
// that are closed, full, empty or a device. The exit statuses are the same, but for one.
func TestSumStreams(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no POSIX shell")
	}
	const abc, empty = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
	const notRead = "sha512-256sum: -: Bad file descriptor\n"
	const notWritten = "sha512-256sum: write error: Bad file descriptor\n"
	program, gnu := command.Build(t, "./sha512-256sum"), streamsGNU(t)
	dirs := map[string]string{program: streamsDir(t, abc), gnu: streamsDir(t, fmt.Sprintf("%x", sha512.Sum512([]byte("abc"))))}
	for _, tt := range []struct {
		args           string // with redirections
		stdout, stderr string
		status         int
		alone          bool // GNU sha512sum exits with another status
	}{
		{"<&-", "", notRead, 1, false},
		{"abc - abc <&-", abc + "  abc\n" + abc + "  abc\n", notRead, 1, false},
		{"abc <&-", abc + "  abc\n", "", 0, false},
		{"-c <&-", "", "sha512-256sum: 'standard input': read error\n", 1, false},
		{"-c list <&-", "abc: OK\n", "", 0, false},
		{"abc >&-", "", notWritten, 1, false},
		{"--help >&-", "", notWritten, 1, false},
		{"--version >&-", "", notWritten, 1, false},
		{"-c list >&-", "", notWritten, 1, false},
		{"-c --status list >&-", "", "", 0, false},
		{"missing >&-", "", "sha512-256sum: missing: No such file or directory\n", 1, false},
		{"abc 2>&-", abc + "  abc\n", "", 0, false},
		{"</dev/null", empty + "  -\n", "", 0, false},
		{"abc >/dev/null", "", "", 0, false},
		{"abc >>/dev/null </dev/null 2>/dev/null", "", "", 0, false},
		{"abc >/dev/full", "", "sha512-256sum: write error: No space left on device\n", 1, false},
		// Opened for reading and writing, /dev/null looks closed, unless standard error has
		// it too, as in a daemon.
		{"<>/dev/null", "", notRead, 1, true},
		{"abc 1<>/dev/null", "", notWritten, 1, true},
		{"<>/dev/null 2<>/dev/null", empty + "  -\n", "", 0, false},
		{"abc <>/dev/null 1<>/dev/null 2<>/dev/null", "", "", 0, false},
	} {
		t.Run(tt.args, func(t *testing.T) {
			if _, err := os.Stat("/dev/full"); err != nil && strings.Contains(tt.args, "/dev/full") {
				t.Skip("no /dev/full")
			}
			run := func(program string) command.Result {
				cmd := exec.Command("sh", "-c", `exec "$0" `+tt.args, program)
				cmd.Dir = dirs[program]
				return command.RunCmd(t, cmd)
			}
			if got, want := run(program), (command.Result{Status: tt.status, Stdout: tt.stdout, Stderr: tt.stderr}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if gnu == "" {
				return
			}
			if got, want := run(gnu).Status, tt.status; got != want && !tt.alone {
				t.Errorf("sha512sum exits with %d, this command with %d", got, want)
			}
		})
	}
}

// streamsDir returns a folder with a file and the list that has its digest.
func streamsDir(t *testing.T, digest string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"abc": "abc", "list": digest + "  abc\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// streamsGNU returns the path of GNU sha512sum, or nothing.
func streamsGNU(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sha512sum")
	if err != nil || !strings.Contains(command.Run(t, path, "--version").Stdout, "GNU") {
		t.Log("no GNU sha512sum here")
		return ""
	}
	return path
}
