// Command sha512-256sum prints or checks SHA-512/256 digests, as sha512sum of GNU
// coreutils does SHA-512 digests. Unlike that it exits with 2 on wrong use, and refuses a list
// with zero bytes in it, of which sha512sum checks the first file only.
package main

import (
	"fmt"
	"io"
	"os"
)

// Copy with: options.go, hash.go, check.go, names.go, ../checksum.go.

const usage = `sha512-256sum prints or checks SHA-512/256 digests (FIPS 180-4).

Usage: sha512-256sum [OPTION]... [FILE]...

With no FILE, or where FILE is -, it reads standard input.

Example:
  go run ./ch06/sha512-256sum go.mod

Options:
  -b, --binary          mark names with *; what is read is the same
  -c, --check           read digests from the FILEs and check them
      --tag             write BSD-style lines
  -t, --text            mark names with a space (the default)
  -z, --zero            end lines with a zero byte, and escape no names
  -h, --help            print this help
      --version         print what this program is

For --check only:
      --ignore-missing  say nothing of files that are missing
      --quiet           print no OK
      --status          print nothing: the exit status tells
      --strict          exit with 1 where a line is improperly formatted
  -w, --warn            tell which lines are improperly formatted

It exits with 1 where a file cannot be read or a digest differs, 2 on wrong use.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the command as a function: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseOptions(args)
	if err != nil {
		fmt.Fprintf(stderr, "sha512-256sum: %v\nTry 'sha512-256sum --help' for more information.\n", err)
		return 2
	}
	s := &summer{options: o, stdin: stdin, out: stdout, err: stderr}
	ok := true
	switch {
	case o.help:
		s.write(usage)
	case o.version:
		s.write("sha512-256sum (network-programming-with-go)\n")
	case o.check:
		for _, name := range o.files {
			ok = s.check(name) && ok
		}
	default:
		ok = s.print()
	}
	if s.failed != nil {
		s.complain("write error: %s", reason(s.failed))
		ok = false
	}
	if !ok {
		return 1
	}
	return 0
}
