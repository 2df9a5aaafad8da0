package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

var (
	escaper   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	unescapes = map[byte]byte{'\\': '\\', 'n': '\n', 'r': '\r'}
)

// escape keeps a name on one line.
func escape(name string) string { return escaper.Replace(name) }

// unescape is the inverse of escape; it reports false for what escape never writes.
func unescape(text string) (string, bool) {
	var name strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			i++
			if i == len(text) {
				return "", false
			}
			if c = unescapes[text[i]]; c == 0 {
				return "", false
			}
		}
		name.WriteByte(c)
	}
	return name.String(), true
}

// quote puts a name that a shell would take apart, or a terminal obey, into quotes, from
// which a shell gets the name back: 'a b', "it's", 'a'$'\n”b'.
func quote(name string) string {
	bare := name != "" && name != "{" && name != "}"
	double, escaping := true, false // "..." would do; within $'...'
	single := []byte{'\''}
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		char := name[i : i+size]
		i += size
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) {
			bare, double = false, false
			if !escaping {
				escaping = true
				single = append(single, "'$'"...)
			}
			single = appendEscaped(single, char)
			continue
		}
		switch {
		case strings.Contains("!\"$&()*;<=>?[\\^`|", char):
			bare, double = false, false
		case strings.Contains(" ':", char), i == 1 && strings.Contains("#~", char):
			bare = false
		case strings.Contains("#~{}", char):
			double = false
		}
		switch {
		case char == "'":
			char = `'\''`
		case escaping:
			char = "''" + char
		}
		single, escaping = append(single, char...), false
	}
	switch {
	case bare:
		return name
	case double && strings.Contains(name, "'"):
		return `"` + name + `"`
	}
	return string(append(single, '\''))
}

// appendEscaped appends bytes as they are written within $'...'.
func appendEscaped(b []byte, char string) []byte {
	for _, c := range []byte(char) {
		if i := strings.IndexByte("\a\b\t\n\v\f\r", c); i >= 0 {
			b = append(b, '\\', "abtnvfr"[i])
		} else {
			b = fmt.Appendf(b, `\%03o`, c)
		}
	}
	return b
}

// reason returns why, without the operation and the path that Go's errors add.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	text := err.Error()
	if _, ok := err.(syscall.Errno); ok && text != "" {
		text = strings.ToUpper(text[:1]) + text[1:] // as the C library writes it
	}
	return text
}
