package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"runtime"

	"network-programming-with-go/ch06"
)

// Copy with: options.go, check.go, names.go, ../checksum.go.

// summer prints and checks digests.
type summer struct {
	*options
	stdin    io.Reader
	out, err io.Writer
	forms    lineForms
	failed   error // the first write to out that failed
}

// item is a file to hash, in its place among the others.
type item struct {
	name     string
	digest   string // the expected one, when checking
	line     int    // number of the line that it comes from, when checking
	improper bool   // that line is none: there is nothing to hash
}

type result struct {
	sum [ch06.ChecksumSize]byte
	err error
}

// print writes a line for each file, and reports whether all could be read.
func (s *summer) print() bool {
	ok := true
	s.each(func(yield func(item) bool) {
		for _, name := range s.files {
			yield(item{name: name})
		}
	}, func(it item, r result) {
		if r.err != nil {
			s.complain("%s: %s", quote(it.name), reason(r.err))
			ok = false
			return
		}
		s.write(s.format(it.name, hex.EncodeToString(r.sum[:])))
	})
	return ok
}

// format makes the line of one file. Names that would break the line are escaped, and a
// backslash in front says so.
func (s *summer) format(name, digest string) string {
	mark, end := "", "\n"
	if s.zero {
		end = "\x00"
	} else if escaped := escape(name); escaped != name {
		mark, name = `\`, escaped
	}
	switch {
	case s.tag:
		return fmt.Sprintf("%sSHA512/256 (%s) = %s%s", mark, name, digest, end)
	case s.binary:
		return fmt.Sprintf("%s%s *%s%s", mark, digest, name, end)
	}
	return fmt.Sprintf("%s%s  %s%s", mark, digest, name, end)
}

// each hashes as many files at a time as there are processors, and calls do for one after
// the other in the order of the items.
func (s *summer) each(items iter.Seq[item], do func(item, result)) {
	type job struct {
		item
		result chan result
	}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	jobs := make(chan job, cap(slots))
	go func() { // ends with the items; the loop below takes every job
		defer close(jobs)
		for it := range items {
			j := job{it, make(chan result, 1)}
			switch {
			case it.improper:
				j.result <- result{}
			case it.name == "-":
				j.result <- s.hashStdin() // here, so that two of them come in order
			default:
				slots <- struct{}{}
				go func() {
					defer func() { <-slots }()
					sum, err := ch06.ChecksumFile(it.name)
					j.result <- result{sum, err}
				}()
			}
			jobs <- j
		}
	}()
	for j := range jobs {
		do(j.item, <-j.result)
	}
}

func (s *summer) hashStdin() result {
	sum, err := ch06.Checksum(s.stdin)
	return result{sum, err}
}

// write prints a result; after the first failure it prints no more.
func (s *summer) write(line string) {
	if s.failed == nil {
		_, s.failed = io.WriteString(s.out, line)
	}
}

func (s *summer) complain(format string, args ...any) {
	fmt.Fprintf(s.err, "sha512-256sum: "+format+"\n", args...)
}
