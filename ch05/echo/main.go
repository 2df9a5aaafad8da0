// Command echo sends UDP datagrams back to their senders, or asks such a server.
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

const usage = `echo sends UDP datagrams back to their senders (RFC 862), or asks such a server.

Usage: echo [-listen HOST:PORT]
       echo -to HOST:PORT [-tries N] [-wait D] TEXT

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
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	listen := flags.String("listen", "127.0.0.1:7007",
		"serve on `HOST:PORT`; port 0 picks a free one")
	to := flags.String("to", "", "send TEXT to `HOST:PORT` and print the answer")
	tries := flags.Int("tries", 3, "with -to: send up to `N` times, as UDP may drop")
	wait := flags.Duration("wait", time.Second, "with -to: wait `D` for each answer")
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
	case !given["to"] && (given["tries"] || given["wait"]):
		return echoWrongUse(stderr, "-tries and -wait: want them with -to only")
	case !given["to"] && flags.NArg() > 0:
		return echoWrongUse(stderr, "%q: want no arguments without -to", flags.Arg(0))
	case *tries < 1:
		return echoWrongUse(stderr, "-tries %d: want 1 or more", *tries)
	case *wait <= 0:
		return echoWrongUse(stderr, "-wait %v: want more than 0", *wait)
	case given["to"] && flags.NArg() != 1:
		return echoWrongUse(stderr, "-to: want one TEXT, got %d", flags.NArg())
	}
	address := *listen
	if given["to"] {
		address = *to
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return echoWrongUse(stderr, "%v: want HOST:PORT", err)
	}

	var err error
	if given["to"] {
		err = ask(ctx, *to, flags.Arg(0), *tries, *wait, stdout)
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

// ask sends text and prints the answer. A datagram that is lost, or its answer, is sent
// again. The socket is connected, so the answer is the server's.
func ask(ctx context.Context, address, text string, tries int, wait time.Duration,
	stdout io.Writer) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // unblocks the read
	defer stop()
	answer := make([]byte, 1<<16) // 64 KiB: more than any datagram
	for try := 1; ; try++ {
		var n int
		if err = conn.SetDeadline(time.Now().Add(wait)); err == nil {
			_, err = io.WriteString(conn, text)
		}
		if err == nil {
			n, err = conn.Read(answer)
		}
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted")
		case err == nil:
			_, err = fmt.Fprintf(stdout, "%s\n", answer[:n])
			return err
		case try == tries:
			return fmt.Errorf("no answer to %d of %d datagrams: %w", try, tries, err)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err // refused: nobody is there, and another try comes too soon
		}
	}
}
