// Command proxy passes TCP connections on to another address.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"network-programming-with-go/ch04/splice"
)

// Copy with: log.go, serve.go, ../idle.go, ../monitor.go, ../proxy.go, ../splice.

const usage = `proxy passes TCP connections on to another address.

Usage: proxy -to HOST:PORT [-listen HOST:PORT] [flags]

Half-closes and resets are passed on, and connections whose peer is gone are ended. On
SIGINT or SIGTERM it accepts no more, lets open connections end for up to 5 seconds,
and resets the rest.

Example:
  go run ./ch04/proxy -listen 127.0.0.1:8080 -to 127.0.0.1:80

Flags:
`

func main() {
	signal.Ignore(syscall.SIGPIPE) // a log whose reader has gone must not end connections
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	listen := flags.String("listen", "127.0.0.1:8080", "serve on `HOST:PORT`; port 0 picks a free one")
	to := flags.String("to", "", "pass connections on to `HOST:PORT`; required")
	dialTimeout := flags.Duration("dial-timeout", 5*time.Second, "stop connecting to the target after this `time`")
	idleTimeout := flags.Duration("idle-timeout", time.Hour,
		"end a connection on which nothing moves for this `time`; 0 is never, and costs two\n"+
			"file descriptors for as long as a silent peer exists")
	monitor := flags.Bool("monitor", false, "log the traffic to stderr; implies -plain")
	plain := flags.Bool("plain", false, "copy by Read and Write, not by splice: slower, but portable")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "proxy: %v (try proxy -h)\n", err)
		return 2
	}
	_, _, listenErr := net.SplitHostPort(*listen)
	host, port, toErr := net.SplitHostPort(*to)
	toPort, portErr := net.LookupPort("tcp", port)
	wrong := ""
	switch {
	case flags.NArg() > 0:
		wrong = fmt.Sprintf("unexpected argument %q", flags.Arg(0))
	case listenErr != nil:
		wrong = fmt.Sprintf("-listen %s: want HOST:PORT", *listen)
	case *to == "":
		wrong = "-to is missing"
	case toErr != nil:
		wrong = fmt.Sprintf("-to %s: want HOST:PORT", *to)
	case portErr != nil || toPort == 0:
		wrong = fmt.Sprintf("-to %s: unknown port %q", *to, port)
	case *dialTimeout <= 0:
		wrong = fmt.Sprintf("-dial-timeout %v: want more than 0", *dialTimeout)
	case *idleTimeout < 0:
		wrong = fmt.Sprintf("-idle-timeout %v: want 0 or more", *idleTimeout)
	}
	if wrong != "" {
		fmt.Fprintf(stderr, "proxy: %s (try proxy -h)\n", wrong)
		return 2
	}

	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintf(stderr, "proxy: %v\n", err)
		return 1
	}
	defer l.Close()
	if own := l.Addr().(*net.TCPAddr); own.Port == toPort && sameHost(own.IP, host) {
		fmt.Fprintf(stderr, "proxy: -to %s is the address that proxy listens on\n", *to)
		return 2
	}
	logs := newLogQueue(stderr)
	defer logs.close()
	p := &proxy{
		to:     *to,
		dialer: net.Dialer{Timeout: *dialTimeout},
		idle:   *idleTimeout,
		log:    slog.New(slog.NewTextHandler(logs, nil)),
	}
	if *monitor {
		p.monitor = logs
	} else if !*plain {
		p.copies.Copy = new(splice.Copier).Copy
	}
	fmt.Fprintf(logs, "listening on %v\n", l.Addr())
	if err := p.serve(ctx, l); err != nil {
		fmt.Fprintf(logs, "proxy: %v\n", err)
		return 1
	}
	return 0
}

// sameHost reports whether a connection to host reaches a listener on own.
func sameHost(own net.IP, host string) bool {
	ips, _ := net.LookupIP(cmp.Or(host, "localhost")) // dialing will say what is wrong
	return slices.ContainsFunc(ips, func(ip net.IP) bool {
		if !own.IsUnspecified() {
			return ip.Equal(own) || ip.IsUnspecified() && own.IsLoopback()
		}
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip}) // is ip one of this host's?
		if err == nil {
			l.Close()
		}
		return err == nil
	})
}
