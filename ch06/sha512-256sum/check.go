package main

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// Copy with: main.go, names.go, options.go, standard.go, ../checksum.go.

const maxLine = 16 << 20 // 16 MiB: much longer than any name

// The two forms of a line. A space and a mark follow the digest, or one space as BSD writes
// it. The tag is ours and shasum's, openssl's, or openssl's older one.
var (
	plainLine  = regexp.MustCompile(`(?s)^([0-9A-Fa-f]{64})[ \t]([ *]?)(.+)$`)
	taggedLine = regexp.MustCompile(`(?s)^SHA(?:2-)?512[/-]256 ?\((.*)\)[ \t]*=[ \t]*([0-9A-Fa-f]{64})$`)
)

// Outcomes of a line. The first three are also printed.
const (
	matched  = "OK"
	differs  = "FAILED"
	unread   = "FAILED open or read"
	missing  = "missing"
	improper = "improperly formatted SHA512/256 checksum line"
)

// check verifies the digests in a list, and reports whether all is well.
func (s *summer) check(list string) bool {
	shown, in := "'standard input'", s.stdin
	if list != "-" {
		shown = quote(list)
		file, err := os.Open(list)
		if err != nil {
			s.complain("%s: %s", shown, reason(err))
			return false
		}
		defer file.Close() // only read: nothing is lost
		in = file
	}
	count := map[string]int{}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for number := 1; lines.Scan(); number++ {
		name, want, ok := s.parse(lines.Text())
		switch {
		case lines.Text() == "" || lines.Text()[0] == '#':
		case ok && (list != "-" || name != "-"):
			count[s.verify(name, want)]++
		default:
			count[improper]++
			if s.opt["warn"] {
				s.complain("%s: %d: %s", shown, number, improper)
			}
		}
	}
	switch {
	case lines.Err() == bufio.ErrTooLong:
		s.complain("%s: a line is longer than 16 MiB", shown)
		return false
	case lines.Err() != nil:
		s.complain("%s: read error", shown)
		return false
	case count[matched]+count[differs]+count[unread]+count[missing] == 0:
		s.complain("%s: no properly formatted checksum lines found", shown)
		return false
	}
	s.warn(count[improper], "line is improperly formatted", "lines are improperly formatted")
	s.warn(count[unread], "listed file could not be read", "listed files could not be read")
	s.warn(count[differs], "computed checksum did NOT match", "computed checksums did NOT match")
	if count[matched] == 0 && s.opt["ignore-missing"] && !s.opt["status"] {
		s.complain("%s: no file was verified", shown)
	}
	return count[matched] > 0 && count[unread]+count[differs] == 0 && (count[improper] == 0 || !s.opt["strict"])
}

// parse takes a line apart. The first plain line decides whether all have a mark, as for
// coreutils: otherwise a name that starts with a space could stand for another.
func (s *summer) parse(line string) (name, digest string, ok bool) {
	line, hasEscapes := strings.CutPrefix(strings.TrimLeft(line, " \t"), `\`)
	if m := taggedLine.FindStringSubmatch(line); m != nil {
		name, digest = m[1], m[2]
	} else if m := plainLine.FindStringSubmatch(line); m != nil {
		digest, name = m[1], m[3]
		if s.marked == nil {
			s.marked = new(m[2] != "")
		}
		if !*s.marked {
			name = m[2] + name
		} else if m[2] == "" {
			return "", "", false
		}
	}
	ok = digest != "" && !strings.Contains(name, "\x00") // as --zero writes them
	if hasEscapes {
		name, ok = unescaper.Replace(name), ok && escaped.MatchString(name)
	}
	return name, strings.ToLower(digest), ok
}

// verify hashes a file, and prints and returns the outcome.
func (s *summer) verify(name, want string) (outcome string) {
	got, err := s.hash(name)
	outcome = matched
	if s.opt["ignore-missing"] && errors.Is(err, fs.ErrNotExist) {
		return missing
	} else if err != nil {
		outcome = unread
		s.complain("%s: %s", quote(name), reason(err))
	} else if got != want {
		outcome = differs
	}
	if strings.Contains(name, "\n") {
		name = `\` + escaper.Replace(name)
	}
	if !s.opt["status"] && (outcome != matched || !s.opt["quiet"]) {
		s.write(name + ": " + outcome + "\n")
	}
	return outcome
}

func (s *summer) warn(n int, one, many string) {
	if n == 1 {
		many = one
	}
	if n > 0 && !s.opt["status"] {
		s.complain("WARNING: %d %s", n, many)
	}
}
