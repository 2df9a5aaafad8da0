// Command fault makes one fault on loopback, harmless and limited in time, on which to
// practice troubleshooting commands. README.md in this folder has the commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Copy with: connections.go, dns.go, options.go, resources.go, serve.go, sockets_linux.go, sockets_other.go.

const usage = `fault makes one fault on loopback, harmless and limited in time.

Usage: fault [flags] FAULT

Standard error says which commands show the fault. Standard output sets the variables
that they need, such as PID=... PORT=...: paste that line into the shell in which you run
them. The fault ends after -for or at Ctrl-C, and then removes its files.

Faults, with their defaults of -n or -size:
%s
Linux only: disk-io, disk-full, deleted-file, serve, refused, timeout, descriptors.

Example:
  go run ./ch09/fault -for 1m close-wait

Flags:
%s`

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
	f := &fault{stdout: stdout, log: log.New(stderr, "fault: ", 0)}
	flags := f.flagSet()
	err := f.parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.name, err = "help", help(stdout, flags)
	case err != nil:
		f.log.Printf("%v (try fault -h)", err)
		return 2
	default:
		err = f.perform(ctx)
	}
	if err != nil {
		f.log.Printf("%s: %v", f.name, err)
		return 1
	}
	return 0
}

func help(stdout io.Writer, flags *flag.FlagSet) error {
	var faults, defaults strings.Builder
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		fmt.Fprintf(&faults, "  %-13s %s\n", name, specs[name].help)
	}
	flags.SetOutput(&defaults)
	flags.PrintDefaults()
	_, err := fmt.Fprintf(stdout, usage, &faults, &defaults)
	return err
}

// perform makes what the fault needs, holds the fault until ctx ends, and cleans up.
func (f *fault) perform(ctx context.Context) (err error) {
	if f.needs("dir") {
		if err = f.makeDir(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(f.dir)) }()
	}
	ctx, cancel := context.WithTimeout(ctx, f.duration)
	defer f.wg.Wait()
	defer cancel() // runs before Wait
	if f.needs("listener") {
		// Keep-alive is off: with it the kernel ends connections in CLOSE-WAIT once the
		// peer's kernel has forgotten them, after 60 s on Linux.
		lc := net.ListenConfig{KeepAlive: -1}
		if f.listener, err = lc.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		defer f.listener.Close()
		f.listening(f.listener.Addr())
	}
	err = f.kind.start(ctx, f)
	deadline, _ := ctx.Deadline() // a socket's may pass a moment before ctx ends
	if !f.exists && (ctx.Err() != nil || time.Until(deadline) <= 0) {
		return nil // asked to end before the fault was there
	}
	return err
}

// listening says where a server is.
func (f *fault) listening(addr net.Addr) {
	f.addr = addr.String()
	_, port, _ := net.SplitHostPort(f.addr) // cannot fail: it is an address
	f.vars += " PORT=" + port
	fmt.Fprintln(f.log.Writer(), "listening on", f.addr)
}

// hold calls ready and waits until ctx ends.
func (f *fault) hold(ctx context.Context, what string, look ...string) error {
	err := f.ready(what, look...)
	if err == nil {
		<-ctx.Done()
	}
	return err
}

// ready reports that the fault exists: what it is, the commands that show it, and last
// its variables. Without them the fault is of no use, so an error ends it.
func (f *fault) ready(what string, look ...string) error {
	f.exists = true
	f.log.Printf("%s: %s", f.name, what)
	f.log.Printf("pid %d ends after %v, or at Ctrl-C", os.Getpid(), f.duration)
	for _, command := range look {
		f.log.Printf("look at: %s", command)
	}
	_, err := fmt.Fprintf(f.stdout, "PID=%d%s\n", os.Getpid(), f.vars)
	return err
}
