package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Copy with: connections.go, dns.go, dns_message.go, files.go, main.go, resources.go,
// serve.go, sockets_linux.go, sockets_other.go.

// fault is one run of the command: its options, and what start makes for it.
type fault struct {
	name, arg      string // arg is the NAME of lookup
	duration       time.Duration
	n, size        int // size is in MiB
	parent, server string
	stdout, stderr io.Writer
	end            context.CancelFunc // ends the run
	exists         bool               // ready was called
	wg             sync.WaitGroup     // start waits for it
	dir            string
	listener       net.Listener
	addr, port     string // of listener
}

func (f *fault) flagSet() *flag.FlagSet {
	flags := flag.NewFlagSet("fault", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints one line, not all flags
	flags.DurationVar(&f.duration, "for", 10*time.Second, "end after `D`, at most 5m")
	flags.IntVar(&f.n, "n", 0, "`COUNT` of goroutines, connections or descriptors; at most 512")
	flags.IntVar(&f.size, "size", 0, "size in `MiB`; at most 1024")
	flags.StringVar(&f.parent, "dir", "/var/tmp", "make files in a new directory under `DIR`")
	flags.StringVar(&f.server, "server", "", "lookup asks the name server at `HOST:PORT`")
	return flags
}

// parse sets the options from args and returns the fault asked for.
func (f *fault) parse(flags *flag.FlagSet, args []string) (spec, error) {
	if err := flags.Parse(args); err != nil {
		return spec{}, err
	}
	if flags.NArg() == 0 {
		return spec{}, errors.New("no fault named")
	}
	f.name = flags.Arg(0)
	s, ok := specs[f.name]
	if !ok {
		names := strings.Join(slices.Sorted(maps.Keys(specs)), ", ")
		return spec{}, fmt.Errorf("%q: want one of %s", f.name, names)
	}
	rest := flags.Args()[1:]
	for _, arg := range rest {
		if strings.HasPrefix(arg, "-") {
			return spec{}, fmt.Errorf("%s: flags go before %s", arg, f.name)
		}
	}
	if f.name == "lookup" {
		if len(rest) == 0 {
			return spec{}, errors.New("lookup: no NAME")
		}
		f.arg, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 {
		return spec{}, fmt.Errorf("stray argument %q", rest[0])
	}
	return s, f.check(flags, s)
}

// check fills in the defaults of s and reports flags that do not fit it.
func (f *fault) check(flags *flag.FlagSet, s spec) error {
	given := map[string]bool{}
	flags.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name != "for" && !slices.Contains(strings.Fields(s.flags), name) {
			return fmt.Errorf("-%s: not a flag of %s", name, f.name)
		}
	}
	if !given["n"] {
		f.n = s.n
	} else if f.n < s.minN || f.n > 512 {
		return fmt.Errorf("-n %d: want %d to 512", f.n, s.minN)
	}
	if !given["size"] {
		f.size = s.size
	} else if f.size < 1 || f.size > 1024 {
		return fmt.Errorf("-size %d: want 1 to 1024 MiB", f.size)
	}
	if _, _, err := net.SplitHostPort(f.server); given["server"] && err != nil {
		return fmt.Errorf("-server: %w", err)
	}
	if f.duration <= 0 || f.duration > 5*time.Minute {
		return fmt.Errorf("-for %v: want more than 0 and at most 5m", f.duration)
	}
	return nil
}

// say writes one line for people.
func (f *fault) say(format string, args ...any) {
	fmt.Fprintf(f.stderr, "fault: "+format+"\n", args...)
}

// ready reports that the fault exists: what it is, the commands that show it, and last
// its variables. vars alternates names and values. If stdout fails, the run ends.
func (f *fault) ready(what string, look []string, vars ...string) error {
	f.exists = true
	f.say("%s: %s", f.name, what)
	f.say("pid %d ends after %v, or at Ctrl-C", os.Getpid(), f.duration)
	for _, l := range look {
		f.say("look at: %s", l)
	}
	line := fmt.Sprintf("PID=%d", os.Getpid())
	for i := 0; i+1 < len(vars); i += 2 {
		line += " " + vars[i] + "=" + quote(vars[i+1])
	}
	_, err := fmt.Fprintln(f.stdout, line)
	if err != nil {
		f.end()
	}
	return err
}

// hold calls ready and waits until ctx ends.
func (f *fault) hold(ctx context.Context, what string, look []string, vars ...string) error {
	err := f.ready(what, look, vars...)
	<-ctx.Done()
	return err
}

// quote returns s as one word for a POSIX shell.
func quote(s string) string {
	if plain := regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`); plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
