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

// TestSumStreams runs the command, and GNU sha512sum, from a shell with standard streams
// that are closed, full, empty or a device. The exit statuses are the same, but for one.
func TestSumStreams(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no POSIX shell")
	}
	program := command.Build(t, "./sha512-256sum")
	programs := map[string]string{program: programsDir(t, program)} // and folders
	gnu := programsGNU(t)
	if gnu != "" {
		programs[gnu] = programsDir(t, gnu)
	}
	const abc, empty = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"
	const notRead = "sha512-256sum: -: Bad file descriptor\n"
	const notWritten = "sha512-256sum: write error: Bad file descriptor\n"
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
				cmd.Dir = programs[program]
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

// TestSumLongLines checks lists with lines that are longer than any file name. None passes.
func TestSumLongLines(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./sha512-256sum")
	dir := programsDir(t, program)
	const abc = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
	for _, tt := range []struct {
		name, list, args string
		status           int
		stderr           string // its beginning
	}{
		{"blanks", strings.Repeat(" ", 2<<20) + abc + "  abc\n", "-c --status", 0, ""},
		{"comment", "#" + strings.Repeat(" ", 2<<20) + "\n" + abc + "  abc\n", "-c --status", 0, ""},
		{"junk", strings.Repeat("x", 2<<20) + "\n" + abc + "  abc\n", "-c", 0, "sha512-256sum: WARNING: 1 line is improperly formatted"},
		{"name", abc + "  " + strings.Repeat("x", 2<<20) + "\n" + abc + "  abc\n", "-c --status", 1, "sha512-256sum: xxxx"},
		{"name with tag", "SHA512/256 (" + strings.Repeat("x", 2<<20) + ") = " + abc + "\n" + abc + "  abc\n", "-c --status", 1, "sha512-256sum: xxxx"},
		{"at the limit", strings.Repeat(" ", 16<<20-len(abc+"  abc\n")) + abc + "  abc\n", "-c --status", 0, ""},
		{"above the limit", abc + "  abc\n" + strings.Repeat(" ", 16<<20-len(abc+"  abc")) + abc + "  abc\n", "-c --status", 1,
			"sha512-256sum: 'standard input': a line is longer than 16 MiB\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(program, strings.Split(tt.args, " ")...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(tt.list)
			got := command.RunCmd(t, cmd)
			if got.Status != tt.status {
				t.Errorf("exit status = %d, want %d", got.Status, tt.status)
			}
			if !strings.HasPrefix(got.Stderr, tt.stderr) || tt.stderr == "" && got.Stderr != "" {
				t.Errorf("standard error = %.80q, want %q", got.Stderr, tt.stderr)
			}
		})
	}
}

// Each list is closed when it was checked: more lists than a process may open files.
func TestSumManyLists(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no POSIX shell")
	}
	program := command.Build(t, "./sha512-256sum")
	cmd := exec.Command("sh", "-c", `ulimit -n 24; exec "$0" -c --quiet `+strings.Repeat("list ", 40), program)
	cmd.Dir = programsDir(t, program)
	if got, want := command.RunCmd(t, cmd), (command.Result{}); got != want {
		t.Errorf("40 lists: %+v, want %+v", got, want)
	}
}

// TestSumLikeGNU compares output, messages and exit status with those of GNU sha512sum.
func TestSumLikeGNU(t *testing.T) {
	t.Parallel()
	gnu := programsGNU(t)
	if gnu == "" {
		t.Skip("no GNU sha512sum here")
	}
	program := command.Build(t, "./sha512-256sum")
	dirs := map[string]string{program: programsDir(t, program), gnu: programsDir(t, gnu)}
	// Each line is a list of arguments, or arguments, a bar, and a list to check, in which $
	// is the digest of abc, % a wrong one, H the name of the hash, and ; ends a line.
	for _, tt := range strings.Split(strings.TrimSpace(`
abc
abc missing . back\slash
-b abc -t back\slash
--tag abc
--tag -b abc
--tag --text abc
-z abc back\slash
--z abc --b
-bz -- abc -z
-z --tag abc
-
--t
--st
--q=1
--qui
--ignore abc
--strict abc
-w abc
-x
-bx
-c list
-c list missing . abc
-c -b list
-c --text list
-c --tag list
-cz list
-cw|$  abc;junk;%  abc;$  missing
-c|$  abc;$ *abc;$ abc;$	abc
-c|$ abc;$  abc;$ *abc
-c|H (abc) = $;H(abc)= $;H (abc)=$;H (abc) = %;H (abc)  = $;h (abc) = $
-c|\$  back\\slash;$  back\slash;\$  back\slash;\H (back\\slash) = $
-c| $  abc;	$  abc;# $  abc; # $  abc;
-c|junk
-c|
-c|$  -
-c --status|$  abc;junk
-c --status|$  abc;%  abc
-c --status|$  missing
-c --strict|$  abc;junk
-c --quiet|$  abc;%  abc;$  .
-c --quiet --status|%  abc
-c --status --quiet|%  abc;$  abc
-c --status -w|$  abc;junk
-c --ignore-missing|$  missing
-c --ignore-missing|$  missing;$  abc;$  .
-c --ignore-missing --quiet|$  missing;$  abc
-c --ignore-missing --strict|$  abc;junk
-c --ignore-missing --status|$  missing
`), "\n") {
		t.Run(tt, func(t *testing.T) {
			args, list, _ := strings.Cut(tt, "|")
			run := func(program, hash string) command.Result {
				line, err := os.ReadFile(filepath.Join(dirs[program], "list"))
				if err != nil {
					t.Fatal(err)
				}
				digest, _, _ := strings.Cut(string(line), " ")
				wrong := "0" + digest[1:]
				cmd := exec.Command(program, strings.Fields(args)...)
				cmd.Dir, cmd.Env = dirs[program], append(os.Environ(), "LC_ALL=C")
				cmd.Stdin = strings.NewReader(strings.NewReplacer("$", digest, "%", wrong, "H", hash, ";", "\n").Replace(list))
				got := command.RunCmd(t, cmd)
				same := strings.NewReplacer(digest, "$", program, "PROGRAM", filepath.Base(program), "PROGRAM", "sha512-256sum", "PROGRAM", hash, "H")
				got.Stdout, got.Stderr = same.Replace(got.Stdout), same.Replace(got.Stderr)
				if args == "-" { // reads nothing, of which the digest stands in the first field
					_, got.Stdout, _ = strings.Cut(got.Stdout, " ")
				}
				return got
			}
			got, want := run(program, "SHA512/256"), run(gnu, "SHA512")
			if got.Status == 2 {
				got.Status = 1 // wrong use
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestSumRealPrograms checks lists of shasum and openssl, and has shasum check ours.
func TestSumRealPrograms(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./sha512-256sum")
	dir := programsDir(t, program)
	run := func(t *testing.T, stdin string, args ...string) string {
		t.Helper()
		if _, err := exec.LookPath(args[0]); err != nil {
			t.Skipf("%s is not installed", args[0])
		}
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		got := command.RunCmd(t, cmd)
		if got.Status != 0 {
			t.Fatalf("%q with the list %q: %+v", args, stdin, got)
		}
		return got.Stdout
	}
	for _, tt := range []struct{ name, args, want string }{
		{"shasum", "shasum -a 512256 abc back\\slash", "abc: OK\nback\\slash: OK\n"},
		{"shasum --tag", "shasum -a 512256 --tag abc back\\slash", "abc: OK\nback\\slash: OK\n"},
		{"openssl", "openssl dgst -sha512-256 abc", "abc: OK\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := run(t, "", strings.Split(tt.args, " ")...)
			if got := run(t, list, program, "-c", "--strict"); got != tt.want {
				t.Errorf("checked %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("shasum -c", func(t *testing.T) {
		list := run(t, "", program, "abc", "back\\slash")
		run(t, list, "shasum", "-a", "512256", "-c")
	})
}

// programsDir returns a folder with files, and a list that the program wrote.
func programsDir(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("abc", "abc")
	if runtime.GOOS != "windows" {
		write(`back\slash`, "abc")
	}
	cmd := exec.Command(program, "abc")
	cmd.Dir = dir
	write("list", command.RunCmd(t, cmd).Stdout)
	return dir
}

// programsGNU returns the path of GNU sha512sum, or nothing.
func programsGNU(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sha512sum")
	if err != nil || !strings.Contains(command.Run(t, path, "--version").Stdout, "GNU") {
		t.Log("no GNU sha512sum here")
		return ""
	}
	return path
}
