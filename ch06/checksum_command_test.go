package ch06_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Digests of the files abc and empty.
const (
	sumABC   = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
	sumEmpty = "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
)

// TestSumCommand runs the command as a user of sha512sum would: $ stands for the digest of "abc",
// which the file abc holds.
func TestSumCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names with newlines and backslashes are none on windows")
	}
	t.Parallel()
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
		{"abc - abc -", "abc", "$  abc\n$  -\n$  abc\n" + sumEmpty + "  -\n", "", 0},
		{"abc -b back\\slash", "", "$ *abc\n\\$ *back\\\\slash\n", "", 0},
		{"-b -t new\nline", "", "\\$  new\\nline\n", "", 0},
		{"-t --tag abc new\nline", "", "SHA512/256 (abc) = $\n\\SHA512/256 (new\\nline) = $\n", "", 0},
		{"-zb -- abc new\nline", "", "$ *abc\x00$ *new\nline\x00", "", 0},
		{"abc missing . abc", "", "$  abc\n$  abc\n", sumMissing("missing") + "sha512-256sum: .: Is a directory\n", 1},
		{"a\tb it's a{b} {} it's= ~a a~ \xff", "", "", sumMissing(
			`'a'$'\t''b'`, `"it's"`, "a{b}", "{}", `'it'\''s='`, "'~a'", "a~", `''$'\377'`), 1},

		// Both forms of a line, also as shasum and openssl write them.
		{"--check", "# a comment\n\n$  abc\n$ *abc\n$\t abc\n \t$  abc\r\n" + strings.ToUpper(sumABC) + "  abc\n" +
			"SHA512/256 (abc) = $\nSHA512/256 (abc)  =\t$\nSHA2-512/256(abc)= $\nSHA512-256(abc)= $\n$  abc",
			strings.Repeat("abc: OK\n", 10), "", 0},
		{"-c", "\\$  new\\nline\n\\$  back\\\\slash\n$  back\\slash\n", "\\new\\nline: OK\nback\\slash: OK\nback\\slash: OK\n", "", 0},
		// Once a line had a mark none may lack it, and the other way round.
		{"-c", "$  abc\n$ abc\n", "abc: OK\n", "sha512-256sum: WARNING: 1 line is improperly formatted\n", 0},
		{"-c", "$ abc\n$  abc\n", "abc: OK\n abc: FAILED open or read\n",
			sumMissing("' abc'") + "sha512-256sum: WARNING: 1 listed file could not be read\n", 1},

		{"-c", sumEmpty + "  abc\n$  missing\n$  abc\n", "abc: FAILED\nmissing: FAILED open or read\nabc: OK\n",
			sumMissing("missing") + "sha512-256sum: WARNING: 1 listed file could not be read\n" +
				"sha512-256sum: WARNING: 1 computed checksum did NOT match\n", 1},
		{"-c", "$  new\rline\nSHA512/256 () = $\n", "new\rline: FAILED open or read\n: FAILED open or read\n",
			sumMissing(`'new'$'\r''line'`, "''") + "sha512-256sum: WARNING: 2 listed files could not be read\n", 1},
		{"-c --ignore-missing", "$  missing\n$  abc\n", "abc: OK\n", "", 0},
		{"-c --ignore-m", "$  missing\n", "", "sha512-256sum: 'standard input': no file was verified\n", 1},
		{"-c --quiet", "$  abc\n" + sumEmpty + "  abc\n", "abc: FAILED\n", "sha512-256sum: WARNING: 1 computed checksum did NOT match\n", 1},
		{"-c --status", "$  abc\n" + sumEmpty + "  abc\n", "", "", 1},
		{"-c --status", "junk\n$  abc\n", "", "", 0},
		{"-c --strict", "junk\n$  abc\n", "abc: OK\n", "sha512-256sum: WARNING: 1 line is improperly formatted\n", 1},
		{"-c --status -w", "junk\n$  abc\n\\$  a\\xb\n" + strings.Repeat("x", 200_000) + "\n",
			"abc: OK\n", "sha512-256sum: 'standard input': 1: improperly formatted SHA512/256 checksum line\n" +
				"sha512-256sum: 'standard input': 3: improperly formatted SHA512/256 checksum line\n" +
				"sha512-256sum: 'standard input': 4: improperly formatted SHA512/256 checksum line\n" +
				"sha512-256sum: WARNING: 3 lines are improperly formatted\n", 0},
		{"-c", "$  -\n", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		// A list that --zero wrote: coreutils checks the first file and passes over the others.
		{"-c", "$  abc\x00$  missing\x00", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		{"-c . list missing", "", "abc: OK\n", "sha512-256sum: .: read error\n" + sumMissing("missing"), 1},

		{"--nonsense --help", "", "", "unrecognized option '--nonsense'", 2},
		{"--s", "", "", "option '--s' is ambiguous; possibilities: '--status' '--strict'\n", 2},
		{"--zero=1", "", "", "option '--zero' doesn't allow an argument", 2},
		{"-bq", "", "", "invalid option -- 'q'", 2},
		{"-c --tag", "", "", "the --tag option is meaningless when verifying", 2},
		{"-cz", "", "", "the --zero option is not supported when verifying", 2},
		{"-c -b", "", "", "the --binary and --text options are meaningless when verifying", 2},
		{"--tag -t", "", "", "--tag does not support --text mode", 2},
		{"--strict abc", "", "", "the --strict option is meaningful only when verifying", 2},
	} {
		stdout, stderr, status := sumRun(program, dir, strings.ReplaceAll(tt.stdin, "$", sumABC), strings.Split(tt.args, " ")...)
		if want := strings.ReplaceAll(tt.stdout, "$", sumABC); stdout != want {
			t.Errorf("%q printed %q, want %q", tt.args, stdout, want)
		}
		if stderr != tt.stderr && (tt.status != 2 || !strings.Contains(stderr, tt.stderr)) {
			t.Errorf("%q complained %q, want %q", tt.args, stderr, tt.stderr)
		}
		if status != tt.status {
			t.Errorf("%q exited with %d, want %d", tt.args, status, tt.status)
		}
	}
	for args, want := range map[string]string{
		"--help --nonsense": "Usage: ", "-h": "Usage: ", "--version": "sha512-256sum (",
	} {
		if stdout, _, status := sumRun(program, dir, "", strings.Split(args, " ")...); status != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s exited with %d and printed %q, want %q in it", args, status, stdout, want)
		}
	}
}

// sumMissing is what is said of missing files, whose names come as they are shown.
func sumMissing(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("sha512-256sum: " + name + ": No such file or directory\n")
	}
	return b.String()
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
	for _, arg := range []string{"abc", "--help"} {
		var stderr bytes.Buffer
		cmd := exec.Command(program, arg)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, full, &stderr
		cmd.Run() // its status is below
		got, status := stderr.String(), cmd.ProcessState.ExitCode()
		if want := "sha512-256sum: write error: No space left on device\n"; got != want || status != 1 {
			t.Errorf("%s on a full disk complained %q and exited with %d, want %q and 1", arg, got, status, want)
		}
	}
}

// sumBuild returns the program and a folder of files with the content abc.
func sumBuild(t *testing.T) (program, dir string) {
	t.Helper()
	program, dir = filepath.Join(t.TempDir(), "sum.exe"), t.TempDir() // the ending does no harm elsewhere
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./sha512-256sum", program)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", program, "./sha512-256sum")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("sha512-256sum"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"abc", "new\nline", `back\slash`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("abc"), 0o666); err != nil && runtime.GOOS != "windows" {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte(sumABC+"  abc\n"), 0o666); err != nil {
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
