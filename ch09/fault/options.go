package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Copy with: connections.go, dns.go, main.go, resources.go, serve.go, sockets_linux.go, sockets_other.go.

// spec describes a fault.
type spec struct {
	start func(ctx context.Context, f *fault) error // makes it and holds it until ctx ends
	needs string                                    // its flags but -for, and "listener"
	size  int                                       // the default of -n, or of -size in MiB
	help  string
}

var specs = map[string]spec{
	"cpu":          {cpu, "n", 2, "-n goroutines that spin (2)"},
	"memory":       {memory, "size", 256, "-size MiB of memory, every page touched (256)"},
	"disk-io":      {diskIO, "size dir", 64, "writes of 4 KiB, each followed by fsync, within -size MiB (64)"},
	"disk-full":    {diskFull, "size dir", 110, "a file of -size MiB (110), a sparse one, 100 empty ones"},
	"deleted-file": {deletedFile, "size dir", 16, "a file of -size MiB, deleted but still open (16)"},
	"refused":      {refused, "", 0, "a port without a listener"},
	"timeout":      {timeout, "listener", 0, "a listener with a full queue, so that SYNs are dropped"},
	"close-wait":   {closeWait, "n listener", 20, "-n connections that only the peer has closed (20)"},
	"time-wait":    {timeWait, "n listener", 20, "-n connections that this process closed first (20)"},
	"descriptors":  {descriptors, "n listener", 64, "a server at its limit of -n open files (64)"},
	"dns":          {dns, "", 0, "a name server, UDP only, for www, slow, lost and broken.fault.test"},
	"serve":        {serve, "dir listener", 1, "an HTTP server that logs to DIR: /, /missing, /error, /slow"},
	"lookup":       {lookup, "server", 0, "not a fault: lookup NAME asks Go's resolver, or -server"},
}

// fault is one run of the command: its options, and what perform makes for it.
type fault struct {
	name, arg      string // arg is the NAME of lookup
	kind           spec
	duration       time.Duration
	n, size        int // size is in MiB
	parent, server string

	stdout   io.Writer
	log      *log.Logger    // for people, on standard error
	vars     string         // for the shell, each after a space
	exists   bool           // ready was called
	wg       sync.WaitGroup // perform waits for it
	dir      string
	listener net.Listener
	addr     string // of listener, or of the name server
}

func (f *fault) needs(what string) bool {
	return slices.Contains(strings.Fields(f.kind.needs), what)
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

// parse sets the options from args.
func (f *fault) parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	f.name, f.arg = flags.Arg(0), flags.Arg(1)
	f.kind = specs[f.name]
	late := slices.IndexFunc(flags.Args(), func(s string) bool { return strings.HasPrefix(s, "-") })
	switch {
	case err != nil:
		return err
	case flags.NArg() == 0:
		return errors.New("no fault named")
	case f.kind.start == nil:
		names := slices.Sorted(maps.Keys(specs))
		return fmt.Errorf("%q: want one of %s", f.name, strings.Join(names, ", "))
	case late > 0:
		return fmt.Errorf("%s: flags go before %s", flags.Arg(late), f.name)
	case f.name == "lookup" && flags.NArg() == 1:
		return errors.New("lookup: no NAME")
	case f.name != "lookup" && flags.NArg() > 1 || flags.NArg() > 2:
		return fmt.Errorf("stray argument %q", flags.Arg(flags.NArg()-1))
	}
	flags.Visit(func(given *flag.Flag) { err = cmp.Or(err, f.check(given.Name)) })
	f.n, f.size = cmp.Or(f.n, f.kind.size), cmp.Or(f.size, f.kind.size) // 0: not given
	return err
}

// check reports an error if the flag that was given does not fit the fault.
func (f *fault) check(name string) error {
	_, _, notAddress := net.SplitHostPort(f.server)
	least := 1
	if f.name == "descriptors" {
		least = 32 // some are open before the first connection
	}
	switch {
	case name == "for" && (f.duration <= 0 || f.duration > 5*time.Minute):
		return fmt.Errorf("-for %v: want more than 0 and at most 5m", f.duration)
	case name != "for" && !f.needs(name):
		return fmt.Errorf("-%s: not a flag of %s", name, f.name)
	case name == "n" && (f.n < least || f.n > 512):
		return fmt.Errorf("-n %d: want %d to 512", f.n, least)
	case name == "size" && (f.size < 1 || f.size > 1024):
		return fmt.Errorf("-size %d: want 1 to 1024 MiB", f.size)
	case name == "server" && notAddress != nil:
		return fmt.Errorf("-server: %w", notAddress)
	}
	return nil
}
