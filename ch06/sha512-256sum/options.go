package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

type options struct {
	binary, text                               bool // at most one
	check, tag, zero                           bool
	ignoreMissing, quiet, status, strict, warn bool
	help, version                              bool
	files                                      []string
}

// option is a flag and what it is called; letter is 0 where it has only the long name.
type option struct {
	long   string
	letter rune
	flag   *bool
}

// parseOptions takes options as GNU programs do: before and after the files, short ones
// joined, long ones shortened, until "--". The flag package does not.
func parseOptions(args []string) (*options, error) {
	o := &options{}
	all := []option{
		{"check", 'c', &o.check}, {"ignore-missing", 0, &o.ignoreMissing},
		{"quiet", 0, &o.quiet}, {"status", 0, &o.status}, {"warn", 'w', &o.warn},
		{"strict", 0, &o.strict}, {"tag", 0, &o.tag}, {"zero", 'z', &o.zero},
		{"binary", 'b', &o.binary}, {"text", 't', &o.text}, {"help", 'h', &o.help},
		{"version", 0, &o.version},
	}
	for i, arg := range args {
		switch {
		case arg == "--":
			o.files = append(o.files, args[i+1:]...)
			return o.complete()
		case strings.HasPrefix(arg, "--"):
			flag, err := longOption(all, arg[2:])
			if err != nil {
				return nil, err
			}
			o.set(flag)
		case strings.HasPrefix(arg, "-") && arg != "-":
			for _, letter := range arg[1:] {
				i := slices.IndexFunc(all, func(p option) bool { return p.letter == letter })
				if i < 0 {
					return nil, fmt.Errorf("invalid option -- '%c'", letter)
				}
				o.set(all[i].flag)
			}
		default:
			o.files = append(o.files, arg)
		}
		if o.help || o.version {
			return o, nil // whatever follows
		}
	}
	return o.complete()
}

// set sets one option. Of those that contradict each other the last one counts; --tag
// takes back an earlier --text.
func (o *options) set(flag *bool) {
	for _, rivals := range [][]*bool{{&o.binary, &o.text}, {&o.status, &o.quiet, &o.warn}} {
		if slices.Contains(rivals, flag) {
			for _, rival := range rivals {
				*rival = false
			}
		}
	}
	if flag == &o.tag {
		o.set(&o.binary)
	}
	*flag = true
}

// longOption returns the flag of the one option that the text begins.
func longOption(all []option, text string) (*bool, error) {
	name, _, hasValue := strings.Cut(text, "=")
	var found []option
	for _, p := range all {
		if strings.HasPrefix(p.long, name) { // no name begins another
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("unrecognized option '--%s'", text)
	case len(found) > 1:
		var names strings.Builder
		for _, p := range found {
			names.WriteString(" '--" + p.long + "'")
		}
		return nil, fmt.Errorf("option '--%s' is ambiguous; possibilities:%s", text, names.String())
	case hasValue:
		return nil, fmt.Errorf("option '--%s' doesn't allow an argument", found[0].long)
	}
	return found[0].flag, nil
}

// complete checks what goes together.
func (o *options) complete() (*options, error) {
	switch {
	case o.tag && o.text:
		return nil, errors.New("--tag does not support --text mode")
	case o.check && o.zero:
		return nil, errors.New("the --zero option is not supported when verifying checksums")
	case o.check && o.tag:
		return nil, errors.New("the --tag option is meaningless when verifying checksums")
	case o.check && (o.binary || o.text):
		return nil, errors.New("the --binary and --text options are meaningless when verifying checksums")
	}
	for _, only := range []struct {
		set  bool
		name string
	}{
		{o.ignoreMissing, "ignore-missing"}, {o.status, "status"}, {o.warn, "warn"},
		{o.quiet, "quiet"}, {o.strict, "strict"},
	} {
		if only.set && !o.check {
			return nil, fmt.Errorf("the --%s option is meaningful only when verifying checksums", only.name)
		}
	}
	if len(o.files) == 0 {
		o.files = []string{"-"}
	}
	return o, nil
}
