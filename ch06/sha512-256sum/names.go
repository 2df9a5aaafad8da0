package main

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
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

// quote puts a name that a shell would take apart, or a terminal obey, into quotes.
func quote(name string) string {
	plain := func(r rune) bool {
		return r > 0x7f || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune("%+,-./:=@_]{}", r)
	}
	if name != "" && strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(name) {
		switch c := name[i]; {
		case c == '\'':
			b.WriteString(`'\''`)
		case c == '\n':
			b.WriteString(`'$'\n''`)
		case c < ' ' || c == 0x7f:
			const octal = "01234567"
			b.WriteString(`'$'\` + string([]byte{octal[c>>6], octal[c>>3&7], octal[c&7]}) + `''`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
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
