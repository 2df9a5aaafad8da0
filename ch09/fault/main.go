// Command fault makes one fault on loopback, harmless and bounded in time, to try
// troubleshooting commands against.
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
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Copy with: connections.go, dns.go, resources.go, serve.go, sockets_linux.go,
// sockets_other.go.

const usage = `fault makes one fault on loopback, harmless and bounded in time.

Usage: fault [flags] FAULT

It says on stderr what it does and what to look at, and prints the variables that
the commands need on stdout, as PID=... PORT=... DIR=...: paste them into the shell
that you look from. It ends after -for, or at Ctrl-C, and then cleans up.

Faults:
  cpu           -n goroutines that spin
  memory        -size MiB of memory, every page touched
  disk-io       writes of 4 KiB, each followed by fsync, within -size MiB
  disk-full     a file of -size MiB, a sparse one and 100 empty ones (fills no disk)
  deleted-file  a file of -size MiB, deleted but still open
  refused       a port that nobody listens on
  timeout       a listener whose queue is full, so that it drops each SYN
  close-wait    -n connections that the peer closed and this end never does
  time-wait     -n connections that this end closed first
  descriptors   a server at its limit of -n open files
  dns           a name server for fault.test: www, slow, lost, broken, and no others;
                over UDP only
  serve         an HTTP server that logs: /, /missing, /error, and /slow
  lookup NAME   no fault: look NAME up with Go's resolver, or ask -server
Those that make files, refused, timeout and descriptors need Linux.

Example:
  go run ./ch09/fault -for 1m close-wait

Flags:
`

// spec is what a fault is: its function, and the flags that it has beside -for.
type spec struct {
	start func(ctx context.Context, f *fault) error
	flags string // names, separated by spaces
	size  int    // default of -size, MiB
	n     int    // default of -n
}

var specs = map[string]spec{
	"cpu":          {start: cpu, flags: "n", n: 2},
	"memory":       {start: memory, flags: "size", size: 256},
	"disk-io":      {start: diskIO, flags: "size dir", size: 64},
	"disk-full":    {start: diskFull, flags: "size dir", size: 110},
	"deleted-file": {start: deletedFile, flags: "size dir", size: 16},
	"refused":      {start: refused},
	"timeout":      {start: timeout},
	"close-wait":   {start: closeWait, flags: "n", n: 20},
	"time-wait":    {start: timeWait, flags: "n", n: 20},
	"descriptors":  {start: descriptors, flags: "n", n: 64},
	"dns":          {start: dns},
	"serve":        {start: serve, flags: "dir"},
	"lookup":       {start: lookup, flags: "server"},
}

// Limits of -for, -size and -n: more would not teach more.
const (
	maxFor  = 5 * time.Minute
	maxSize = 1024 // MiB
	minN    = 1
	maxN    = 512
)

// fault is one run: its values, and where it tells what it does.
type fault struct {
	name           string
	arg            string // NAME of lookup
	duration       time.Duration
	n, size        int
	dir, server    string
	stdout, stderr io.Writer
}

// say writes one line for people.
func (f *fault) say(format string, args ...any) {
	fmt.Fprintf(f.stderr, "fault: "+format+"\n", args...)
}

// ready tells that the fault exists: what it is, where to look, and its variables.
// Callers print their address before.
func (f *fault) ready(what string, look []string, vars ...string) {
	f.say("%s: %s", f.name, what)
	f.say("pid %d ends after %v, or at Ctrl-C", os.Getpid(), f.duration)
	for _, l := range look {
		f.say("look at: %s", l)
	}
	line := fmt.Sprintf("PID=%d", os.Getpid())
	for i := 0; i+1 < len(vars); i += 2 {
		line += " " + vars[i] + "=" + quote(vars[i+1])
	}
	fmt.Fprintln(f.stdout, line)
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:-]+$`)

// quote returns s as one word for a POSIX shell.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP) // a closed terminal must leave no file
	}
	signal.Ignore(syscall.SIGPIPE) // nor must a closed pipe, as of head -n 1
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := &fault{stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("fault", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	flags.DurationVar(&f.duration, "for", 10*time.Second, "end after `D`, at most 5m")
	flags.IntVar(&f.n, "n", 0, "`COUNT` of goroutines (default 2), connections (20), or\n"+
		"descriptors (64); at most 512")
	flags.IntVar(&f.size, "size", 0, "size in `MiB`, at most 1024 (default memory 256,\n"+
		"disk-io 64, disk-full 110, deleted-file 16)")
	flags.StringVar(&f.dir, "dir", "", "make files in a new directory under `DIR`\n"+
		"(default /var/tmp, which is on a disk, or else the system's)")
	flags.StringVar(&f.server, "server", "", "lookup asks the name server at `HOST:PORT`")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "fault: %v (try fault -h)\n", err)
		return 2
	}
	s, err := f.check(flags)
	if err != nil {
		fmt.Fprintf(stderr, "fault: %v (try fault -h)\n", err)
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, f.duration)
	defer cancel()
	err = s.start(ctx, f)
	// A socket's deadline may pass a moment before its context knows.
	deadline, _ := ctx.Deadline()
	if (ctx.Err() != nil || !time.Now().Before(deadline)) && f.name != "lookup" {
		return 0 // asked to end, maybe before the fault was there
	}
	if err != nil {
		fmt.Fprintf(stderr, "fault: %s: %v\n", f.name, err)
		return 1
	}
	return 0
}

// check fills in the defaults and returns the fault asked for, or says what is wrong.
func (f *fault) check(flags *flag.FlagSet) (spec, error) {
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
	given := map[string]bool{}
	flags.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name != "for" && !slices.Contains(strings.Fields(s.flags), name) {
			return spec{}, fmt.Errorf("-%s: not a flag of %s", name, f.name)
		}
	}
	if !given["n"] {
		f.n = s.n
	} else if f.n < minN || f.n > maxN || f.name == "descriptors" && f.n < 32 {
		return spec{}, fmt.Errorf("-n %d: want 1 to 512, for descriptors 32 to 512", f.n)
	}
	if !given["size"] {
		f.size = s.size
	} else if f.size < 1 || f.size > maxSize {
		return spec{}, fmt.Errorf("-size %d: want 1 to 1024 MiB", f.size)
	}
	if _, _, err := net.SplitHostPort(f.server); given["server"] && err != nil {
		return spec{}, fmt.Errorf("-server: %w", err)
	}
	if f.duration <= 0 || f.duration > maxFor {
		return spec{}, fmt.Errorf("-for %v: want more than 0 and at most 5m", f.duration)
	}
	return s, nil
}
