package ch06_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"network-programming-with-go/ch06/internal/command"
)

// Digests of the files abc and empty.
const (
	sumABC   = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
	sumEmpty = "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
)

// TestSumCommand runs the command as a user of sha512sum would. In the table $ is the digest
// of "abc", which is the content of the files.
func TestSumCommand(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no file names with newlines and backslashes")
	}
	program, dir := command.Build(t, "./sha512-256sum"), t.TempDir()
	for _, name := range []string{"abc", "new\nline", `back\slash`, "bell\a"} {
		sumWrite(t, filepath.Join(dir, name), "abc")
	}
	sumWrite(t, filepath.Join(dir, "list"), sumABC+"  abc\n")
	const warning = "sha512-256sum: WARNING: "
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
		{"-t -b abc", "", "$ *abc\n", "", 0},
		{"-t --tag abc new\nline", "", "SHA512/256 (abc) = $\n\\SHA512/256 (new\\nline) = $\n", "", 0},
		{"-zb -- abc new\nline", "", "$ *abc\x00$ *new\nline\x00", "", 0},
		{"abc missing . abc", "", "$  abc\n$  abc\n", sumMissing("missing") + "sha512-256sum: .: Is a directory\n", 1},
		{"a\tb it's a{b} {} { } it's= ~a a~ a\v\x01b' b#' #' \u00e9 \xff", "", "", sumMissing(
			`'a'$'\t''b'`, `"it's"`, "a{b}", "{}", "'{'", "'}'", `'it'\''s='`, "'~a'", "a~", `'a'$'\v\001''b'\'''`, `'b#'\'''`, `"#'"`, "\u00e9", `''$'\377'`), 1},

		// Both forms of a line, also as shasum and openssl write them.
		{"--check", "# a comment\n\n$  abc\n$ *abc\n$\t abc\n \t$  abc\r\n" + strings.ToUpper(sumABC) + "  abc\n" +
			"SHA512/256 (abc) = $\nSHA512/256 (abc)  =\t$\nSHA2-512/256(abc)= $\nSHA512-256(abc)= $\n$  abc",
			strings.Repeat("abc: OK\n", 10), "", 0},
		{"-c", "\\$  new\\nline\n\\$  back\\\\slash\n$  back\\slash\n", "\\new\\nline: OK\nback\\slash: OK\nback\\slash: OK\n", "", 0},
		// Once a line had a mark all must have one, and the other way round.
		{"-c", "$  abc\n$ abc\n", "abc: OK\n", warning + "1 line is improperly formatted\n", 0},
		{"-c", "$ abc\n$  abc\n", "abc: OK\n abc: FAILED open or read\n", sumMissing("' abc'") + warning + "1 listed file could not be read\n", 1},

		{"-c", sumEmpty + "  abc\n$  missing\n$  abc\n", "abc: FAILED\nmissing: FAILED open or read\nabc: OK\n",
			sumMissing("missing") + warning + "1 listed file could not be read\n" + warning + "1 computed checksum did NOT match\n", 1},
		{"-c", sumEmpty + "  abc\n" + sumEmpty + "  abc\n$  abc\n", "abc: FAILED\nabc: FAILED\nabc: OK\n", warning + "2 computed checksums did NOT match\n", 1},
		{"-c", "$  new\rline\nSHA512/256 () = $\n", "new\rline: FAILED open or read\n: FAILED open or read\n",
			sumMissing(`'new'$'\r''line'`, "''") + warning + "2 listed files could not be read\n", 1},
		{"-c --ignore-missing", "$  missing\n$  abc\n", "abc: OK\n", "", 0},
		{"-c --ignore-missing", "$  .\n$  abc\n", ".: FAILED open or read\nabc: OK\n",
			"sha512-256sum: .: Is a directory\n" + warning + "1 listed file could not be read\n", 1},
		{"-c --ignore-m", "$  missing\n", "", "sha512-256sum: 'standard input': no file was verified\n", 1},
		{"-c --ignore-m --status", "$  missing\n", "", "", 1},
		{"-c --quiet", "$  abc\n" + sumEmpty + "  abc\n", "abc: FAILED\n", warning + "1 computed checksum did NOT match\n", 1},
		{"-c --status", "$  abc\n" + sumEmpty + "  abc\n", "", "", 1},
		{"-c --status", "junk\n$  abc\n", "", "", 0},
		{"-c --status --quiet", "junk\n$  abc\n", "", warning + "1 line is improperly formatted\n", 0},
		{"-c --strict", "junk\n$  abc\n", "abc: OK\n", warning + "1 line is improperly formatted\n", 1},
		{"-c --status -w", "junk\n$  abc\n\\$  a\\xb\n$  \x00\n\\$  a\\\\\x00\n",
			"abc: OK\n", "sha512-256sum: 'standard input': 1: improperly formatted SHA512/256 checksum line\n" +
				"sha512-256sum: 'standard input': 3: improperly formatted SHA512/256 checksum line\n" +
				"sha512-256sum: 'standard input': 4: improperly formatted SHA512/256 checksum line\n" +
				"sha512-256sum: 'standard input': 5: improperly formatted SHA512/256 checksum line\n" +
				warning + "4 lines are improperly formatted\n", 0},
		{"-c", "$  -\n", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		{"-c", "", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		// A list that --zero wrote. coreutils checks its first file only.
		{"-c", "$  abc\x00$  missing\x00", "", "sha512-256sum: 'standard input': no properly formatted checksum lines found\n", 1},
		{"-c . list missing", "", "abc: OK\n", "sha512-256sum: .: read error\n" + sumMissing("missing"), 1},
		{"-c missing list", "", "abc: OK\n", sumMissing("missing"), 1},

		{"--nonsense --help", "", "", "unrecognized option '--nonsense'", 2},
		{"--s", "", "", "option '--s' is ambiguous; possibilities: '--status' '--strict'\n", 2},
		{"--zer=1", "", "", "option '--zero' doesn't allow an argument", 2},
		{"-bq", "", "", "invalid option -- 'q'", 2},
		{"-c --tag", "", "", "the --tag option is meaningless when verifying", 2},
		{"-cz", "", "", "the --zero option is not supported when verifying", 2},
		{"-c -b", "", "", "the --binary and --text options are meaningless when verifying", 2},
		{"-c -t", "", "", "the --binary and --text options are meaningless when verifying", 2},
		{"--tag -t", "", "", "--tag does not support --text mode", 2},
		{"--strict abc", "", "", "the --strict option is meaningful only when verifying", 2},
		{"--ignore abc", "", "", "the --ignore-missing option is meaningful only when verifying", 2},
		{"--status abc", "", "", "the --status option is meaningful only when verifying", 2},
		{"--quiet abc", "", "", "the --quiet option is meaningful only when verifying", 2},
		{"-w abc", "", "", "the --warn option is meaningful only when verifying", 2},
	} {
		t.Run(tt.args, func(t *testing.T) {
			cmd := exec.Command(program, strings.Split(tt.args, " ")...)
			if tt.args == "" {
				cmd = exec.Command(program)
			}
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(strings.ReplaceAll(tt.stdin, "$", sumABC))
			got := command.RunCmd(t, cmd)
			if want := strings.ReplaceAll(tt.stdout, "$", sumABC); got.Stdout != want {
				t.Errorf("standard output = %q, want %q", got.Stdout, want)
			}
			if got.Stderr != tt.stderr && (tt.status != 2 || !strings.Contains(got.Stderr, tt.stderr)) {
				t.Errorf("standard error = %q, want %q", got.Stderr, tt.stderr)
			}
			if got.Status != tt.status {
				t.Errorf("exit status = %d, want %d", got.Status, tt.status)
			}
		})
	}
	for args, want := range map[string]string{
		"--help --nonsense": "Usage: ", "abc -h": "Usage: ", "--version": "sha512-256sum (",
	} {
		got := command.Run(t, program, strings.Split(args, " ")...)
		if got.Status != 0 || !strings.Contains(got.Stdout, want) || strings.Contains(got.Stdout, sumABC) {
			t.Errorf("%s: exit status %d, standard output %q, want %q in it", args, got.Status, got.Stdout, want)
		}
	}
}

// sumMissing returns the messages for missing files, whose names come as they are shown.
func sumMissing(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString("sha512-256sum: " + name + ": No such file or directory\n")
	}
	return b.String()
}

func sumWrite(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
