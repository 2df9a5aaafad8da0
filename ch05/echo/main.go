// Command echo is a UDP echo server and a client to try it.
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
	"syscall"
	"time"

	"network-programming-with-go/ch05"
)

// Copy with: ../echo.go.

const usage = `echo runs a UDP echo server (RFC 862), or sends TEXT to one and prints the reply.

Usage: echo [-listen HOST:PORT]
       echo -to HOST:PORT [-retries N] [-wait D] TEXT

If HOST is a name with several addresses and one refuses, echo asks the next.

Example:
  go run ./ch05/echo -listen 127.0.0.1:7007 &
  go run ./ch05/echo -to 127.0.0.1:7007 hello

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints one line, not all flags
	listen := flags.String("listen", "127.0.0.1:7007",
		"serve on `HOST:PORT`; port 0 picks a free one")
	to := flags.String("to", "", "send TEXT to `HOST:PORT` and print the reply")
	retries := flags.Int("retries", 2, "with -to: retransmit up to `N` times")
	wait := flags.Duration("wait", time.Second, "with -to: wait `D` for each reply")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		return echoWrongUse(stderr, "%v", err)
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case given["listen"] && given["to"]:
		return echoWrongUse(stderr, "-listen and -to: want one of them")
	case !given["to"] && (given["retries"] || given["wait"]):
		return echoWrongUse(stderr, "-retries and -wait: want them with -to only")
	case !given["to"] && flags.NArg() > 0:
		return echoWrongUse(stderr, "%q: want no arguments without -to", flags.Arg(0))
	case *retries < 0:
		return echoWrongUse(stderr, "-retries %d: want 0 or more", *retries)
	case *wait <= 0:
		return echoWrongUse(stderr, "-wait %v: want more than 0", *wait)
	case given["to"] && flags.NArg() != 1:
		return echoWrongUse(stderr, "-to: want one TEXT, got %d", flags.NArg())
	}
	name, address := "-listen", *listen
	if given["to"] {
		name, address = "-to", *to
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return echoWrongUse(stderr, "%s %q: want HOST:PORT", name, address)
	}

	if given["to"] {
		err = ask(ctx, host, port, flags.Arg(0), *retries, *wait, stdout)
	} else {
		err = serve(ctx, *listen, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "echo: %v\n", err)
		return 1
	}
	return 0
}

func echoWrongUse(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "echo: "+format+" (try echo -h)\n", args...)
	return 2
}

// serve echoes until ctx ends.
func serve(ctx context.Context, address string, stderr io.Writer) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	fmt.Fprintln(stderr, "listening on", conn.LocalAddr())
	return ch05.EchoUDP(ctx, conn.(*net.UDPConn))
}

// ask sends text and prints the reply. If one address of a name cannot be reached or
// refuses, it asks the next. If all do, the error is that of the first, as in net.Dial.
func ask(ctx context.Context, host, port, text string, retries int, wait time.Duration,
	stdout io.Writer) error {
	hosts := []string{host} // an empty host means this machine
	if host != "" {
		var err error
		if hosts, err = net.DefaultResolver.LookupHost(ctx, host); err != nil {
			return err
		}
	}
	var first error
	for _, host := range hosts {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "udp", net.JoinHostPort(host, port))
		if err == nil {
			var reply []byte
			reply, err = exchange(ctx, conn, text, retries, wait)
			if err == nil {
				_, err = fmt.Fprintf(stdout, "%s\n", reply)
				return err
			}
			if !errors.Is(err, syscall.ECONNREFUSED) {
				return err
			}
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// exchange sends text, retransmits it after each timeout, and returns the reply. It closes
// conn, which is connected and so receives from its peer only.
func exchange(ctx context.Context, conn net.Conn, text string, retries int,
	wait time.Duration) ([]byte, error) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // unblocks the read
	defer stop()
	reply := make([]byte, 1<<16) // 64 KiB: no datagram is larger
	for sent := 1; ; sent++ {
		var n int
		err := conn.SetDeadline(time.Now().Add(wait))
		if err == nil {
			_, err = io.WriteString(conn, text)
		}
		if err == nil {
			n, err = conn.Read(reply)
		}
		switch {
		case ctx.Err() != nil:
			return nil, errors.New("interrupted")
		case err == nil:
			return reply[:n], nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return nil, err // refused: a retry would come too soon
		case sent > retries:
			return nil, fmt.Errorf("no reply after %d retries: %w", retries, err)
		}
	}
}
