package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

type options struct {
	binary, text                                     bool // at most one
	check, tag, zero                                 bool
	ignoreMissing, quiet, status, strict, warn, help bool
	files                                            []string
}

// parseOptions takes options as GNU programs do: before and after the files, short ones
// joined, long ones shortened, until "--". The flag package does not.
func parseOptions(args []string) (*options, error) {
	o := &options{}
	long := map[string]*bool{
		"binary": &o.binary, "check": &o.check, "tag": &o.tag, "text": &o.text, "zero": &o.zero,
		"ignore-missing": &o.ignoreMissing, "quiet": &o.quiet, "status": &o.status,
		"strict": &o.strict, "warn": &o.warn, "help": &o.help,
	}
	short := map[rune]*bool{
		'b': &o.binary, 'c': &o.check, 't': &o.text, 'z': &o.zero, 'w': &o.warn, 'h': &o.help,
	}
	for i, arg := range args {
		switch {
		case arg == "--":
			o.files = append(o.files, args[i+1:]...)
			return o.complete()
		case strings.HasPrefix(arg, "--"):
			name, err := longName(long, arg[2:])
			if err != nil {
				return nil, err
			}
			o.set(long[name])
		case strings.HasPrefix(arg, "-") && arg != "-":
			for _, letter := range arg[1:] {
				option := short[letter]
				if option == nil {
					return nil, fmt.Errorf("invalid option -- '%c'", letter)
				}
				o.set(option)
			}
		default:
			o.files = append(o.files, arg)
		}
	}
	return o.complete()
}

// set sets one option. Of those that contradict each other the last one counts.
func (o *options) set(option *bool) {
	for _, rivals := range [][]*bool{{&o.binary, &o.text}, {&o.status, &o.quiet, &o.warn}} {
		if slices.Contains(rivals, option) {
			for _, rival := range rivals {
				*rival = false
			}
		}
	}
	*option = true
}

// longName returns the one option that the text begins.
func longName(long map[string]*bool, text string) (string, error) {
	var found string
	for name := range long {
		switch {
		case name == text:
			return name, nil
		case text != "" && strings.HasPrefix(name, text) && found != "":
			return "", fmt.Errorf("option '--%s' is ambiguous", text)
		case text != "" && strings.HasPrefix(name, text):
			found = name
		}
	}
	if found == "" {
		return "", fmt.Errorf("unrecognized option '--%s'", text)
	}
	return found, nil
}

// complete checks what goes together.
func (o *options) complete() (*options, error) {
	switch {
	case o.help:
	case o.check && o.zero:
		return nil, errors.New("the --zero option is not supported when verifying checksums")
	case o.check && o.tag:
		return nil, errors.New("the --tag option is meaningless when verifying checksums")
	case o.check && (o.binary || o.text):
		return nil, errors.New("the --binary and --text options are meaningless when verifying checksums")
	case o.tag && o.text:
		return nil, errors.New("--tag does not support --text mode")
	}
	if !o.check && !o.help {
		for _, only := range []struct {
			set  bool
			name string
		}{
			{o.ignoreMissing, "ignore-missing"}, {o.status, "status"}, {o.warn, "warn"},
			{o.quiet, "quiet"}, {o.strict, "strict"},
		} {
			if only.set {
				return nil, fmt.Errorf("the --%s option is meaningful only when verifying checksums", only.name)
			}
		}
	}
	if len(o.files) == 0 {
		o.files = []string{"-"}
	}
	return o, nil
}
