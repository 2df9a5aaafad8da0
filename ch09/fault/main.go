// Command fault makes one fault on loopback, harmless and limited in time, on which to
// practice troubleshooting commands. README.md in this folder has the commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Copy with: connections.go, dns.go, dns_message.go, files.go, options.go, resources.go,
// serve.go, sockets_linux.go, sockets_other.go.

const usage = `fault makes one fault on loopback, harmless and limited in time.

Usage: fault [flags] FAULT

Standard error says what the fault does and which commands show it. The last line, on
standard output, sets the variables that those commands need, such as PID=... PORT=...
DIR=... Paste it into the shell in which you run them. The fault ends after -for or
at Ctrl-C, and then removes its files.

Faults, with their defaults of -n or -size:
  cpu           -n goroutines that spin (2)
  memory        -size MiB of memory, every page touched (256)
  disk-io       writes of 4 KiB, each followed by fsync, within -size MiB (64)
  disk-full     a file of -size MiB (110), a sparse one, 100 empty ones; fills no disk
  deleted-file  a file of -size MiB, deleted but still open (16)
  refused       a port without a listener
  timeout       a listener whose queue is full, so that the kernel drops each SYN
  close-wait    -n connections that the peer has closed and this process has not (20)
  time-wait     -n connections that this process closed first (20)
  descriptors   a server at its limit of -n open files (64)
  dns           a name server, over UDP only, for www, slow, lost and broken.fault.test
  serve         an HTTP server that logs to DIR: /, /missing, /error, and /slow
  lookup NAME   not a fault: look up NAME with Go's resolver, or ask -server
Linux only: disk-io, disk-full, deleted-file, serve, refused, timeout, descriptors.

Example:
  go run ./ch09/fault -for 1m close-wait

Flags:
`

// spec describes a fault: the function that makes it and holds it until ctx ends, its
// flags except -for, and their defaults. A fault with the flag dir gets a directory.
type spec struct {
	start         func(ctx context.Context, f *fault) error
	flags         string // names, separated by spaces
	size, n, minN int    // size is in MiB
	listen        bool   // it gets a listener
}

var specs = map[string]spec{
	"cpu":          {start: cpu, flags: "n", n: 2, minN: 1},
	"memory":       {start: memory, flags: "size", size: 256},
	"disk-io":      {start: diskIO, flags: "size dir", size: 64},
	"disk-full":    {start: diskFull, flags: "size dir", size: 110},
	"deleted-file": {start: deletedFile, flags: "size dir", size: 16},
	"refused":      {start: refused},
	"timeout":      {start: timeout, listen: true},
	"close-wait":   {start: closeWait, flags: "n", n: 20, minN: 1, listen: true},
	"time-wait":    {start: timeWait, flags: "n", n: 20, minN: 1, listen: true},
	"descriptors":  {start: descriptors, flags: "n", n: 64, minN: 32, listen: true},
	"dns":          {start: dns},
	"serve":        {start: serve, flags: "dir", size: 1, listen: true},
	"lookup":       {start: lookup, flags: "server"},
}

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP) // a closed terminal must leave no file
	}
	signal.Ignore(syscall.SIGPIPE) // nor must a closed pipe leave one
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := &fault{stdout: stdout, stderr: stderr}
	flags := f.flagSet()
	s, err := f.parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		var defaults strings.Builder
		flags.SetOutput(&defaults)
		flags.PrintDefaults()
		f.name = "help"
		_, err = io.WriteString(stdout, usage+defaults.String())
	} else if err != nil {
		fmt.Fprintf(stderr, "fault: %v (try fault -h)\n", err)
		return 2
	} else {
		ctx, f.end = context.WithTimeout(ctx, f.duration)
		defer f.end()
		err = f.start(ctx, s)
	}
	if err != nil {
		fmt.Fprintf(stderr, "fault: %s: %v\n", f.name, err)
		return 1
	}
	return 0
}

// start makes what s needs, holds the fault until ctx ends, and cleans up.
func (f *fault) start(ctx context.Context, s spec) (err error) {
	if slices.Contains(strings.Fields(s.flags), "dir") {
		if f.dir, err = makeDir(f.parent, f.size); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.dir)) }()
	}
	defer f.wg.Wait()
	if s.listen {
		// Keep-alive is off: with it the kernel ends connections in CLOSE-WAIT once the
		// peer's kernel has forgotten them, after 60 s on Linux.
		lc := net.ListenConfig{KeepAlive: -1}
		if f.listener, err = lc.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		defer f.listener.Close()
		f.addr = f.listener.Addr().String()
		_, f.port, _ = net.SplitHostPort(f.addr) // cannot fail: it is an address
		fmt.Fprintf(f.stderr, "listening on %s\n", f.addr)
	}
	defer f.end() // runs first
	err = s.start(ctx, f)
	// A socket's deadline may pass a moment before its context knows.
	deadline, _ := ctx.Deadline()
	ended := ctx.Err() != nil || !time.Now().Before(deadline)
	if ended && !f.exists && f.name != "lookup" {
		return nil // asked to end before the fault was there
	}
	return err
}
