package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// A name is escaped to keep it on one line.
var (
	escaper   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	unescaper = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
	escaped   = regexp.MustCompile(`^([^\\]|\\[\\nr])*$`)
	control   = strings.NewReplacer(`\007`, `\a`, `\010`, `\b`, `\011`, `\t`, `\012`, `\n`, `\013`, `\v`, `\014`, `\f`, `\015`, `\r`)
)

// quote puts a name that a shell or a terminal would interpret into quotes, from which a
// shell gets the name back: 'a b', "it's", 'a'$'\n'.
func quote(name string) string {
	const special = "!\"$&()*;<=>?[\\^`|"
	quoted, escaping, printable := []byte("'"), false, true
	for rest := name; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		text := rest[:size]
		rest = rest[size:]
		escape := r == utf8.RuneError && size == 1 || !unicode.IsPrint(r)
		switch {
		case escape:
			octal := ""
			for _, c := range []byte(text) {
				octal += fmt.Sprintf(`\%03o`, c)
			}
			text, printable = control.Replace(octal), false
			if !escaping {
				text = "'$'" + text
			}
		case r == '\'':
			text = `'\''`
		case escaping:
			text = "''" + text
		}
		quoted, escaping = append(quoted, text...), escape
	}
	switch {
	case printable && name != "" && name != "{" && name != "}" &&
		!strings.ContainsAny(name, special+" ':") && !strings.ContainsAny(name[:1], "#~"):
		return name
	case printable && strings.Contains(name, "'") && !strings.ContainsAny(name, special+"{}") &&
		!strings.ContainsAny(name[1:], "#~"):
		return `"` + name + `"`
	}
	return string(append(quoted, '\''))
}

// reason returns why, without the operation and the path that Go's errors add.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		text := errno.Error()
		return strings.ToUpper(text[:1]) + text[1:] // as the C library writes it
	}
	return err.Error()
}
