package ch06_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"network-programming-with-go/ch06/internal/command"
)

// TestSumLists checks lists that are larger than usual: lines are longer than any file name,
// or more lists are given than a process may open files.
func TestSumLists(t *testing.T) {
	t.Parallel()
	program, dir := command.Build(t, "./sha512-256sum"), t.TempDir()
	const line = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23  abc\n"
	for name, content := range map[string]string{"abc": "abc", "list": line} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	long := func(s string) string { return strings.Repeat(s, 100_000) } // a usual limit is 64 KiB
	const limit = 16 << 20
	blanks := strings.Repeat(" ", limit)
	for _, tt := range []struct {
		name   string
		list   []string // its parts
		args   string
		status int
		stderr string // its beginning
	}{
		{"blanks", []string{long(" "), line}, "-c --status", 0, ""},
		{"comment", []string{"#", long(" "), "\n", line}, "-c --status", 0, ""},
		{"junk", []string{long("x"), "\n", line}, "-c", 0, "sha512-256sum: WARNING: 1 line is improperly formatted"},
		{"name", []string{line[:66], long("x"), "\n", line}, "-c --status", 1, "sha512-256sum: xxxx"},
		{"name with tag", []string{"SHA512/256 (", long("x"), ") = ", line[:64], "\n", line}, "-c --status", 1, "sha512-256sum: xxxx"},
		{"at the limit", []string{blanks[len(line):], line}, "-c --status", 0, ""},
		{"above the limit", []string{line, blanks[len(line)-1:], line}, "-c --status", 1,
			"sha512-256sum: 'standard input': a line is longer than 16 MiB\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var parts []io.Reader
			for _, part := range tt.list {
				parts = append(parts, strings.NewReader(part))
			}
			cmd := exec.Command(program, strings.Split(tt.args, " ")...)
			cmd.Dir, cmd.Stdin = dir, io.MultiReader(parts...)
			got := command.RunCmd(t, cmd)
			if got.Status != tt.status {
				t.Errorf("exit status = %d, want %d", got.Status, tt.status)
			}
			if !strings.HasPrefix(got.Stderr, tt.stderr) || tt.stderr == "" && got.Stderr != "" {
				t.Errorf("standard error = %.80q, want %q", got.Stderr, tt.stderr)
			}
		})
	}

	t.Run("more lists than open files", func(t *testing.T) { // each is closed when it was checked
		if runtime.GOOS == "windows" {
			t.Skip("no POSIX shell")
		}
		cmd := exec.Command("sh", "-c", `ulimit -n 24; exec "$0" -c --quiet `+strings.Repeat("list ", 40), program)
		cmd.Dir = dir
		if got, want := command.RunCmd(t, cmd), (command.Result{}); got != want {
			t.Errorf("40 lists: %+v, want %+v", got, want)
		}
	})
}
