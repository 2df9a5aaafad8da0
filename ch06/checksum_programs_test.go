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

// TestSumLikeGNU compares output, messages and exit status with those of GNU sha512sum.
func TestSumLikeGNU(t *testing.T) {
	t.Parallel()
	gnu := programsGNU(t)
	if gnu == "" {
		t.Skip("no GNU sha512sum here")
	}
	program := command.Build(t, "./sha512-256sum")
	ours, theirs := fmt.Sprintf("%x", sha512.Sum512_256([]byte("abc"))), fmt.Sprintf("%x", sha512.Sum512([]byte("abc")))
	dirs := map[string]string{ours: programsDir(t, ours), theirs: programsDir(t, theirs)}
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
			run := func(program, hash, digest string) command.Result {
				wrong := "0" + digest[1:]
				cmd := exec.Command(program, strings.Fields(args)...)
				cmd.Dir, cmd.Env = dirs[digest], append(os.Environ(), "LC_ALL=C")
				cmd.Stdin = strings.NewReader(strings.NewReplacer("$", digest, "%", wrong, "H", hash, ";", "\n").Replace(list))
				got := command.RunCmd(t, cmd)
				same := strings.NewReplacer(digest, "$", program, "PROGRAM", filepath.Base(program), "PROGRAM", "sha512-256sum", "PROGRAM", hash, "H")
				got.Stdout, got.Stderr = same.Replace(got.Stdout), same.Replace(got.Stderr)
				if args == "-" { // reads nothing, of which the digest stands in the first field
					_, got.Stdout, _ = strings.Cut(got.Stdout, " ")
				}
				return got
			}
			got, want := run(program, "SHA512/256", ours), run(gnu, "SHA512", theirs)
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
	program, dir := command.Build(t, "./sha512-256sum"), programsDir(t, "")
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

// programsDir returns a folder with files that contain abc, and a list with its digest.
func programsDir(t *testing.T, digest string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"abc": "abc", "list": digest + "  abc\n"}
	if runtime.GOOS != "windows" {
		files[`back\slash`] = "abc"
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
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
