// Command skew prints how far the clocks of web servers are ahead of ours.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"network-programming-with-go/ch08"
)

// Copy with: ../client.go, ../time.go.

const usage = `skew prints how far the clocks of web servers are ahead of ours, a line for
each URL, by the Date field of the answer to a HEAD request. A Date counts
whole seconds: the true difference is up to 1 s above the one printed.

Usage: skew [flags] URL...

Example:
  go run ./ch08/skew -timeout 2s http://127.0.0.1:8080/

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("skew", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	timeout := flags.Duration("timeout", 5*time.Second, "give up on a server after this `TIME`")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "skew: %v (try skew -h)\n", err)
		return 2
	case *timeout <= 0:
		fmt.Fprintf(stderr, "skew: -timeout %v: want more than 0 (try skew -h)\n", *timeout)
		return 2
	case flags.NArg() == 0:
		fmt.Fprintln(stderr, "skew: want at least one URL (try skew -h)")
		return 2
	}
	for _, arg := range flags.Args() {
		if u, err := url.Parse(arg); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			fmt.Fprintf(stderr, "skew: %q: want http://HOST or https://HOST (try skew -h)\n", arg)
			return 2
		}
	}

	client := ch08.NewClient(ch08.ClientConfig{Total: *timeout,
		Dial: -1, TLSHandshake: -1, ResponseHeader: -1}) // no limits but that one
	defer client.CloseIdleConnections()
	status := 0
	for _, arg := range flags.Args() {
		ahead, err := ch08.Skew(ctx, client, arg)
		if err != nil {
			if e, ok := errors.AsType[*url.Error](err); ok {
				err = e.Err // without the URL, which the line has already
			}
			fmt.Fprintf(stderr, "skew: %s: %s\n", arg, strings.TrimPrefix(err.Error(), "skew: "))
			status = 1
			if ctx.Err() != nil {
				break // interrupted: the others would fail alike
			}
			continue
		}
		if _, err := fmt.Fprintf(stdout, "%+.3fs %s\n", ahead.Seconds(), arg); err != nil {
			fmt.Fprintf(stderr, "skew: %v\n", err)
			return 1
		}
	}
	return status
}
