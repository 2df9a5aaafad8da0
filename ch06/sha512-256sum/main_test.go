package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	abc   = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
	empty = "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
)

// TestSum runs the command as a user of sha512sum would: $ stands for the digest of "abc",
// which the file abc holds.
func TestSum(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names with newlines and backslashes are none on windows")
	}
	program, dir := sumBuild(t)
	t.Run("real programs", func(t *testing.T) { sumRealPrograms(t, program, dir) })
	t.Run("write error", func(t *testing.T) { sumWriteError(t, program, dir) })
	for _, tt := range []struct {
		args           string // separated by spaces
		stdin          string
		stdout, stderr string
		status         int
	}{
		{"", "abc", "$  -\n", "", 0},
		{"-", "abc", "$  -\n", "", 0},
		{"abc", "", "$  abc\n", "", 0},
		{"abc - abc -", "abc", "$  abc\n$  -\n$  abc\n" + empty + "  -\n", "", 0},
		{"-b abc", "", "$ *abc\n", "", 0},
		{"-b -t abc", "", "$  abc\n", "", 0},
		{"abc --tag", "", "SHA512/256 (abc) = $\n", "", 0},
		{"-z abc", "", "$  abc\x00", "", 0},
		{"-zb -- abc", "", "$ *abc\x00", "", 0},
		{"new\nline", "", "\\$  new\\nline\n", "", 0},
		{"--tag back\\slash", "", "\\SHA512/256 (back\\\\slash) = $\n", "", 0},
		{"-z new\nline", "", "$  new\nline\x00", "", 0},
		{"abc missing abc", "", "$  abc\n$  abc\n", "sha512-256sum: missing: No such file or directory\n", 1},
		{".", "", "", "sha512-256sum: .: Is a directory\n", 1},
		{"it's", "", "", "sha512-256sum: 'it'\\''s': No such file or directory\n", 1},

		{"-c", "$  abc\n", "abc: OK\n", "", 0},
		{"--check", "$ *abc\n# a comment\n\n$  abc\r\n$  abc", "abc: OK\nabc: OK\nabc: OK\n", "", 0},
		{"-c", "SHA512/256 (abc) = $\nSHA2-512/256(abc)= $\nSHA512-256(abc)= $\n", "abc: OK\nabc: OK\nabc: OK\n", "", 0},
		{"-c", "\\$  new\\nline\n\\$  back\\\\slash\n", "\\new\\nline: OK\nback\\slash: OK\n", "", 0},
		{"-c", strings.ToUpper(abc) + "  abc\n", "abc: OK\n", "", 0},
		{"-c", empty + "  abc\n$  abc\n", "abc: FAILED\nabc: OK\n", "sha512-256sum: WARNING: 1 computed checksum did NOT match\n", 1},
		{"-c", "$  missing\n$  abc\n", "missing: FAILED open or read\nabc: OK\n",
			"sha512-256sum: missing: No such file or directory\nsha512-256sum: WARNING: 1 listed file could not be read\n", 1},
		{"-c --ignore-missing", "$  missing\n$  abc\n", "abc: OK\n", "", 0},
		{"-c --ignore-m", "$  missing\n", "", "sha512-256sum: 'standard input': no file was verified\n", 1},
		{"-c --quiet", "$  abc\n" + empty + "  abc\n", "abc: FAILED\n", "sha512-256sum: WARNING: 1 computed checksum did NOT match\n", 1},
		{"-c --status", "$  abc\n" + empty + "  abc\n", "", "", 1},
		{"-c --status", "$  abc\n", "", "", 0},
		{"-c", "junk\nmore junk\n$  abc\n", "abc: OK\n", "sha512-256sum: WARNING: 2 lines are improperly formatted\n", 0},
		{"-c --status --warn", "junk\n$  abc\n", "abc: OK\n", "sha512-256sum: 'standard input': 1: improperly formatted SHA512/256 checksum line\n" +
			"sha512-256sum: WARNING: 1 line is improperly formatted\n", 0},
		{"-c", "$ abc\n$ abc\n", "abc: OK\nabc: OK\n", "", 0},
		{"-c", "$  abc\n$ abc\n", "abc: OK\n", "sha512-256sum: WARNING: 1 line is improperly formatted\n", 0},
		{"-c", "$ abc\n$  abc\n", "abc: OK\n abc: FAILED open or read\n",
			"sha512-256sum: ' abc': No such file or directory\nsha512-256sum: WARNING: 1 listed file could not be read\n", 1},
		{"-c", "$\t abc\nSHA512/256 (abc)  =\t$\n", "abc: OK\nabc: OK\n", "", 0},
		{"-c --strict", "junk\n$  abc\n", "abc: OK\n", "sha512-256sum: WARNING: 1 line is improperly formatted\n", 1},
		{"-cw", "$  abc\njunk\n", "abc: OK\n", "sha512-256sum: 'standard input': 2: improperly formatted SHA512/256 checksum line\n" +
			"sha512-256sum: WARNING: 1 line is improperly formatted\n", 0},
		{"-c", "junk\n", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		{"-c", strings.Repeat("x", 200_000) + "\n$  abc\n", "abc: OK\n", "sha512-256sum: WARNING: 1 line is improperly formatted\n", 0},
		{"-c", "$  -\n", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		{"-c", "\\$  a\\xb\n", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		{"-c list missing", "", "abc: OK\n", "sha512-256sum: missing: No such file or directory\n", 1},

		{"--nonsense", "", "", "unrecognized option '--nonsense'", 2},
		{"--s", "", "", "option '--s' is ambiguous", 2},
		{"-q", "", "", "invalid option -- 'q'", 2},
		{"-c --tag", "", "", "the --tag option is meaningless when verifying", 2},
		{"-c -z", "", "", "the --zero option is not supported when verifying", 2},
		{"-c -b", "", "", "the --binary and --text options are meaningless when verifying", 2},
		{"--tag -t", "", "", "--tag does not support --text mode", 2},
		{"--strict abc", "", "", "the --strict option is meaningful only when verifying", 2},
	} {
		stdout, stderr, status := sumRun(program, dir, strings.ReplaceAll(tt.stdin, "$", abc), strings.Split(tt.args, " ")...)
		if want := strings.ReplaceAll(tt.stdout, "$", abc); stdout != want {
			t.Errorf("%q printed %q, want %q", tt.args, stdout, want)
		}
		if stderr != tt.stderr && (tt.status != 2 || !strings.Contains(stderr, tt.stderr)) {
			t.Errorf("%q complained %q, want %q", tt.args, stderr, tt.stderr)
		}
		if status != tt.status {
			t.Errorf("%q exited with %d, want %d", tt.args, status, tt.status)
		}
	}
	if stdout, _, status := sumRun(program, dir, "", "--help"); status != 0 || !strings.Contains(stdout, "Usage: ") {
		t.Errorf("--help exited with %d and printed %q", status, stdout)
	}
}

// What shasum and openssl write is checked, and shasum checks what is written here.
func sumRealPrograms(t *testing.T, program, dir string) {
	for _, args := range [][]string{
		{"shasum", "-a", "512256", "abc", "back\\slash"},
		{"shasum", "-a", "512256", "--tag", "abc", "back\\slash"},
		{"openssl", "dgst", "-sha512-256", "abc"},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Logf("skipped: %s is not installed", args[0])
			continue
		}
		list, complaint, status := sumRun(args[0], dir, "", args[1:]...)
		if status != 0 {
			t.Fatalf("%q: %s", args, complaint)
		}
		if stdout, stderr, status := sumRun(program, dir, list, "-c", "--strict"); status != 0 || !strings.HasPrefix(stdout, "abc: OK\n") {
			t.Errorf("%q wrote %q, of which was said %q, %q, %d", args, list, stdout, stderr, status)
		}
	}
	if _, err := exec.LookPath("shasum"); err != nil {
		t.Skip("shasum is not installed")
	}
	list, _, _ := sumRun(program, dir, "", "abc", "back\\slash")
	if stdout, stderr, status := sumRun("shasum", dir, list, "-a", "512256", "-c"); status != 0 {
		t.Errorf("shasum -c said %q, %q, %d of %q", stdout, stderr, status, list)
	}
}

// A full disk is not passed over.
func sumWriteError(t *testing.T, program, dir string) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no /dev/full here: %v", err)
	}
	defer full.Close()
	var stderr bytes.Buffer
	cmd := exec.Command(program, "abc")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, full, &stderr
	cmd.Run() // its status is below
	if got, want := stderr.String(), "sha512-256sum: write error: No space left on device\n"; got != want || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("on a full disk it complained %q and exited with %d, want %q and 1", got, cmd.ProcessState.ExitCode(), want)
	}
}

// sumBuild returns the program and a folder of files with the content abc.
func sumBuild(t *testing.T) (program, dir string) {
	t.Helper()
	program, dir = filepath.Join(t.TempDir(), "sum.exe"), t.TempDir() // the ending does no harm elsewhere
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, name := range []string{"abc", "new\nline", `back\slash`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("abc"), 0o666); err != nil && runtime.GOOS != "windows" {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte(abc+"  abc\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return program, dir
}

func sumRun(program, dir, stdin string, args ...string) (stdout, stderr string, status int) {
	if len(args) == 1 && args[0] == "" {
		args = nil
	}
	var out, complaint bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, strings.NewReader(stdin), &out, &complaint
	if err := cmd.Run(); cmd.ProcessState == nil {
		return "", err.Error(), -1
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}
