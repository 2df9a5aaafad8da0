// Command sha512-256sum prints or checks SHA-512/256 digests, as sha512sum of GNU
// coreutils does SHA-512 digests. It differs in two ways: wrong use exits with 2, and a list
// with zero bytes is improperly formatted. sha512sum would check only its first file.
package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"network-programming-with-go/ch06"
)

// Copy with: check.go, names.go, options.go, standard.go, ../checksum.go.

const usage = `sha512-256sum prints or checks SHA-512/256 digests (FIPS 180-4).

Usage: sha512-256sum [OPTION]... [FILE]...

With no FILE, or if FILE is -, it reads standard input.

Example: go run ./ch06/sha512-256sum go.mod

Options:
  -b, --binary          mark names with *; what is read is the same
  -c, --check           read digests from the FILEs and check them
      --tag             write BSD-style lines
  -t, --text            mark names with a space (the default)
  -z, --zero            end lines with a zero byte, and do not escape names
  -h, --help            print this help
      --version         print the name of this program

For --check only:
      --ignore-missing  ignore files that are missing
      --quiet           do not print OK
      --status          print nothing: the exit status tells
      --strict          exit with 1 if a line is improperly formatted
  -w, --warn            report improperly formatted lines

It exits with 1 if a file cannot be read or a digest differs, 2 on wrong use.
`

func main() {
	stdin, stdout := standard(os.Stdin), standard(os.Stdout)
	if standard(os.Stderr) != os.Stderr { // a daemon has os.DevNull as all three
		stdin, stdout = os.Stdin, os.Stdout
	}
	os.Exit(run(os.Args[1:], stdin, stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opt, files, err := parseOptions(args)
	if err != nil {
		fmt.Fprintf(stderr, "sha512-256sum: %v\nTry 'sha512-256sum --help' for more information.\n", err)
		return 2
	}
	s := &summer{opt: opt, stdin: stdin, stdout: stdout, stderr: stderr}
	status := 0
	if opt["help"] {
		s.write(usage)
	} else if opt["version"] {
		s.write("sha512-256sum (network-programming-with-go)\n")
	}
	for _, name := range files {
		if opt["check"] && !s.check(name) || !opt["check"] && !s.print(name) {
			status = 1
		}
	}
	if s.failed != nil {
		s.complain("write error: %s", reason(s.failed))
		status = 1
	}
	return status
}

// summer prints and checks digests.
type summer struct {
	opt            options
	stdin          io.Reader
	stdout, stderr io.Writer
	marked         *bool // lines of lists have a mark, as the first one; nil: none was read
	failed         error // the first failed write to stdout
}

// print writes the line of a file, and reports whether the file could be read.
func (s *summer) print(name string) bool {
	digest, err := s.hash(name)
	if err != nil {
		s.complain("%s: %s", quote(name), reason(err))
		return false
	}
	start, end := "", "\n"
	if s.opt["zero"] {
		end = "\x00"
	} else if escaped := escaper.Replace(name); escaped != name {
		start, name = `\`, escaped // the backslash tells of it
	}
	line := digest + "  " + name
	if s.opt["tag"] {
		line = "SHA512/256 (" + name + ") = " + digest
	} else if s.opt["binary"] {
		line = digest + " *" + name
	}
	s.write(start + line + end)
	return true
}

// hash returns the hexadecimal digest of a file.
func (s *summer) hash(name string) (digest string, err error) {
	var sum [ch06.ChecksumSize]byte
	if name == "-" {
		sum, err = ch06.Checksum(s.stdin)
	} else {
		sum, err = ch06.ChecksumFile(name)
	}
	return hex.EncodeToString(sum[:]), err
}

// write prints a line. After the first failure it prints nothing more.
func (s *summer) write(line string) {
	if s.failed == nil {
		_, s.failed = io.WriteString(s.stdout, line)
	}
}

func (s *summer) complain(format string, args ...any) {
	fmt.Fprintf(s.stderr, "sha512-256sum: "+format+"\n", args...)
}
