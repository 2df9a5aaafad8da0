// Command skew prints how far the clocks of web servers are ahead of the local one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"network-programming-with-go/ch08"
)

// Copy with: ../client.go, ../skew.go.

const usage = `skew prints how far the clocks of web servers are ahead of the local one, a line
for each URL, by the Date field of the response to a HEAD request. A Date counts
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

// run returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("skew", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // a wrong flag prints one line, not the usage
	timeout := flags.Duration("timeout", 5*time.Second, "wait at most this `TIME` for a server")
	wrong := func(format string, args ...any) int {
		fmt.Fprintf(stderr, "skew: "+format+" (try skew -h)\n", args...)
		return 2
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	} else if err != nil {
		return wrong("%v", err)
	} else if *timeout <= 0 {
		return wrong("-timeout %v: want more than 0", *timeout)
	} else if flags.NArg() == 0 {
		return wrong("want at least one URL")
	}
	var urls []*url.URL
	for _, arg := range flags.Args() {
		u, err := url.Parse(arg)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			// What comes before an "@" may be a password.
			return wrong("%q: want http://HOST or https://HOST", arg[strings.LastIndexByte(arg, '@')+1:])
		}
		urls = append(urls, u)
	}

	client := ch08.NewClient(nil)
	defer client.CloseIdleConnections()
	client.Timeout = *timeout // and no other limit of time
	tr := client.Transport.(*http.Transport)
	tr.DialContext, tr.TLSHandshakeTimeout, tr.ResponseHeaderTimeout = nil, 0, 0
	status := 0
	for _, u := range urls {
		ahead, err := ch08.Skew(ctx, client, u.String())
		if err == nil {
			_, err = fmt.Fprintf(stdout, "%+.3fs %s\n", ahead.Seconds(), u.Redacted())
		}
		if err != nil {
			if e, ok := errors.AsType[*url.Error](err); ok {
				err = e.Err // the line has the URL already
			}
			fmt.Fprintf(stderr, "skew: %s: %s\n", u.Redacted(), strings.TrimPrefix(err.Error(), "skew: "))
			status = 1
			if ctx.Err() != nil {
				break // interrupted: the others would fail too
			}
		}
	}
	return status
}
