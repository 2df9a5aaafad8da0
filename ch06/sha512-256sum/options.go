package main

import (
	"errors"
	"fmt"
	"strings"
)

// options has the long names of the options that are set.
type options map[string]bool

var (
	letters   = map[rune]string{'b': "binary", 'c': "check", 'h': "help", 't': "text", 'w': "warn", 'z': "zero"}
	longNames = strings.Fields("check ignore-missing quiet status warn strict tag zero binary text help version")
	rivals    = map[string]string{
		"binary": "text", "text": "binary", "tag": "text",
		"quiet": "status warn", "status": "quiet warn", "warn": "quiet status",
	}
	conflicts = []struct{ first, second, text string }{
		{"tag", "text", "--tag does not support --text mode"},
		{"check", "zero", "the --zero option is not supported when verifying checksums"},
		{"check", "tag", "the --tag option is meaningless when verifying checksums"},
		{"check", "binary", "the --binary and --text options are meaningless when verifying checksums"},
		{"check", "text", "the --binary and --text options are meaningless when verifying checksums"},
	}
)

// parseOptions parses options as GNU programs do, unlike package flag: before and after the
// files, short ones joined, long ones abbreviated, until "--" or --help.
func parseOptions(args []string) (opt options, files []string, err error) {
	opt = options{}
	for len(args) > 0 && !opt["help"] && !opt["version"] {
		arg := args[0]
		args = args[1:]
		var names []string
		switch {
		case arg == "--":
			files, args = append(files, args...), nil
		case strings.HasPrefix(arg, "--"):
			name, err := longName(arg[2:])
			if err != nil {
				return nil, nil, err
			}
			names = []string{name}
		case strings.HasPrefix(arg, "-") && arg != "-":
			for _, letter := range arg[1:] {
				if letters[letter] == "" {
					return nil, nil, fmt.Errorf("invalid option -- '%c'", letter)
				}
				names = append(names, letters[letter])
			}
		default:
			files = append(files, arg)
		}
		for _, name := range names {
			for _, rival := range strings.Fields(rivals[name]) {
				delete(opt, rival) // the last one counts
			}
			opt[name] = true
		}
	}
	if opt["help"] || opt["version"] {
		return opt, nil, nil // whatever else there is
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	return opt, files, opt.conflict()
}

// longName returns the name of the only option that starts with text.
func longName(text string) (string, error) {
	start, _, hasValue := strings.Cut(text, "=")
	var found []string
	for _, name := range longNames {
		if strings.HasPrefix(name, start) {
			found = append(found, name)
		}
	}
	switch {
	case len(found) == 0:
		return "", fmt.Errorf("unrecognized option '--%s'", text)
	case len(found) > 1:
		return "", fmt.Errorf("option '--%s' is ambiguous; possibilities: '--%s'", text, strings.Join(found, "' '--"))
	case hasValue:
		return "", fmt.Errorf("option '--%s' doesn't allow an argument", found[0])
	}
	return found[0], nil
}

// conflict returns an error if the options do not go together.
func (opt options) conflict() error {
	for _, c := range conflicts {
		if opt[c.first] && opt[c.second] {
			return errors.New(c.text)
		}
	}
	for _, name := range []string{"ignore-missing", "status", "warn", "quiet", "strict"} {
		if opt[name] && !opt["check"] {
			return fmt.Errorf("the --%s option is meaningful only when verifying checksums", name)
		}
	}
	return nil
}
