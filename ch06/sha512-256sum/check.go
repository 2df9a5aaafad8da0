package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// Copy with: options.go, hash.go, names.go, ../checksum.go.

// maxLine bounds a line of digest and name: a longer one is taken for improper.
const maxLine = 64 << 10

// The two forms of a line. What follows the digest is a space and a mark, or one space as
// BSD writes it; the tag is ours and shasum's, openssl's, or openssl's older one.
var (
	plainLine  = regexp.MustCompile(`(?s)^([0-9A-Fa-f]{64})[ \t](.+)$`)
	taggedLine = regexp.MustCompile(`(?s)^SHA(?:2-)?512[/-]256 ?\((.*)\)[ \t]*=[ \t]*([0-9A-Fa-f]{64})$`)
)

// check verifies the digests that a file lists, and reports whether all is well.
func (s *summer) check(list string) bool {
	shown := quote(list)
	in := s.stdin
	if list == "-" {
		shown = "'standard input'"
	} else {
		file, err := os.Open(list)
		if err != nil {
			s.complain("%s: %s", shown, reason(err))
			return false
		}
		defer file.Close() // only read: nothing is lost
		in = file
	}

	var broken error
	var proper, improper, matched, unread, differ int
	s.each(func(yield func(item) bool) {
		broken = s.forms.readItems(in, list == "-", yield)
	}, func(it item, r result) {
		if it.improper {
			improper++
			if s.warn {
				s.complain("%s: %d: improperly formatted SHA512/256 checksum line", shown, it.line)
			}
			return
		}
		proper++
		name := it.name
		if strings.Contains(name, "\n") {
			name = `\` + escape(name)
		}
		switch {
		case s.ignoreMissing && errors.Is(r.err, fs.ErrNotExist):
		case r.err != nil:
			unread++
			s.complain("%s: %s", quote(it.name), reason(r.err))
			s.verdict(name + ": FAILED open or read\n")
		case hex.EncodeToString(r.sum[:]) != strings.ToLower(it.digest):
			differ++
			s.verdict(name + ": FAILED\n")
		default:
			matched++
			if !s.quiet {
				s.verdict(name + ": OK\n")
			}
		}
	})
	switch {
	case broken != nil:
		s.complain("%s: read error", shown)
		return false
	case proper == 0:
		s.complain("%s: no properly formatted checksum lines found", shown)
		return false
	}
	if !s.status {
		s.warning(improper, "line is improperly formatted", "lines are improperly formatted")
		s.warning(unread, "listed file could not be read", "listed files could not be read")
		s.warning(differ, "computed checksum did NOT match", "computed checksums did NOT match")
		if s.ignoreMissing && matched == 0 {
			s.complain("%s: no file was verified", shown)
		}
	}
	return matched > 0 && unread == 0 && differ == 0 && (improper == 0 || !s.strict)
}

func (s *summer) verdict(line string) {
	if !s.status {
		s.write(line)
	}
}

func (s *summer) warning(n int, one, many string) {
	switch {
	case n == 1:
		s.complain("WARNING: 1 %s", one)
	case n > 1:
		s.complain("WARNING: %d %s", n, many)
	}
}

// lineForms remembers whether plain lines have a mark. The first one decides, as it does for
// coreutils: otherwise a name that begins with a space could stand for another.
type lineForms struct{ marked, unmarked bool }

// readItems yields an item for each line, but for comments and empty lines.
func (f *lineForms) readItems(in io.Reader, isStdin bool, yield func(item) bool) error {
	lines := bufio.NewReaderSize(in, maxLine)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		tooLong := err == bufio.ErrBufferFull
		for err == bufio.ErrBufferFull {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return err
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if text != "" && !strings.HasPrefix(text, "#") {
			it, ok := f.parseLine(text)
			it.line, it.improper = number, !ok || tooLong || isStdin && it.name == "-"
			yield(it)
		}
		if err == io.EOF {
			return nil
		}
	}
}

// parseLine takes a line apart; it reports false where it is none.
func (f *lineForms) parseLine(text string) (item, bool) {
	text, escaped := strings.CutPrefix(strings.TrimLeft(text, " \t"), `\`)
	var it item
	if m := plainLine.FindStringSubmatch(text); m != nil {
		it.digest, it.name = m[1], m[2]
		switch marked := len(it.name) > 1 && (it.name[0] == ' ' || it.name[0] == '*'); {
		case !marked && f.marked:
			return item{}, false
		case !marked:
			f.unmarked = true
		case !f.unmarked:
			f.marked = true
			it.name = it.name[1:]
		}
	} else if m := taggedLine.FindStringSubmatch(text); m != nil {
		it.name, it.digest = m[1], m[2]
	} else {
		return item{}, false
	}
	if escaped {
		name, ok := unescape(it.name)
		if !ok {
			return item{}, false
		}
		it.name = name
	}
	return it, !strings.Contains(it.name, "\x00") // as in lists that end lines with zeros
}
