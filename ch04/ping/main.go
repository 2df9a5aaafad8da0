// Command ping measures how long a TCP connection takes, for networks that filter ICMP.
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
	"sync"
	"syscall"
	"time"
)

const usage = `ping measures how long a TCP connection takes, for networks that filter ICMP.

Usage: ping [-c N] [-i TIME] [-W TIME] HOST:PORT

Prints a line for each try and a summary at the end, also on Ctrl-C. The time is
that of the handshake, without the name lookup. Exit status: 0 if any try
connected, 1 if none did, 2 for wrong use.

Example:
  go run ./ch04/ping -c 3 127.0.0.1:22

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("ping", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	count := flags.Int("c", 3, "try `N` times; 0 is forever")
	interval := flags.Duration("i", time.Second, "`time` from one try to the next")
	timeout := flags.Duration("W", 5*time.Second, "`time` to wait for a response")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "ping: %v (try ping -h)\n", err)
		return 2
	}
	target := flags.Arg(0)
	host, port, targetErr := net.SplitHostPort(target)
	number, portErr := net.LookupPort("tcp", port)
	wrong := ""
	switch {
	case flags.NArg() == 0:
		wrong = "HOST:PORT is missing"
	case flags.NArg() > 1:
		wrong = fmt.Sprintf("unexpected argument %q", flags.Arg(1))
	case *count < 0:
		wrong = fmt.Sprintf("-c %d: want 0 or more", *count)
	case *interval < 0:
		wrong = fmt.Sprintf("-i %v: want 0 or more", *interval)
	case *timeout <= 0:
		wrong = fmt.Sprintf("-W %v: want more than 0", *timeout)
	case targetErr != nil:
		wrong = targetErr.Error()
	case host == "":
		wrong = fmt.Sprintf("%q: host is missing", target)
	case portErr != nil || number == 0:
		wrong = fmt.Sprintf("%q: unknown port %q", target, port)
	}
	if wrong != "" {
		fmt.Fprintf(stderr, "ping: %s (try ping -h)\n", wrong)
		return 2
	}

	var s summary
	for n := 1; (*count == 0 || n <= *count) && ctx.Err() == nil; n++ {
		next := time.After(*interval)
		addr, took, err := connect(ctx, target, *timeout)
		if err != nil && ctx.Err() != nil {
			break // Ctrl-C came first: not the target's fault, not counted
		}
		s.sent++
		if err != nil {
			fmt.Fprintf(stdout, "seq=%d %s failed: %v\n", n, target, err)
		} else {
			fmt.Fprintf(stdout, "seq=%d %s time=%s\n", n, addr, milliseconds(took))
			s.connected++
			s.sum, s.most = s.sum+took, max(s.most, took)
			if s.connected == 1 || took < s.least {
				s.least = took
			}
		}
		if n == *count {
			break // no wait after the last one
		}
		select {
		case <-next:
		case <-ctx.Done():
		}
	}
	fmt.Fprintln(stdout, s)
	if s.connected == 0 {
		return 1
	}
	return 0
}

// connect makes and closes one connection. It returns the address that accepted it and
// how long its handshake took.
func connect(ctx context.Context, target string, timeout time.Duration) (string, time.Duration, error) {
	deadline := time.Now().Add(timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var started sync.Map // address: time; a name may have several, tried at once
	d := net.Dialer{ControlContext: func(_ context.Context, _, addr string, _ syscall.RawConn) error {
		started.Store(addr, time.Now()) // the name is known, the connection comes next
		return nil
	}}
	start := time.Now()
	conn, err := d.DialContext(ctx, "tcp", target)
	end := time.Now()
	if err != nil {
		_, dns := errors.AsType[*net.DNSError](err)
		op, ok := errors.AsType[*net.OpError](err)
		switch {
		case !end.Before(deadline) && dns:
			err = fmt.Errorf("no response of a name server in %v", timeout)
		case !end.Before(deadline): // err may be that of another address, which refused
			err = fmt.Errorf("no response in %v", timeout)
		case ok:
			err = op.Err // without the addresses, which the line has already
		}
		return "", 0, err
	}
	conn.Close() // the handshake is all that counts
	addr := conn.RemoteAddr().String()
	if t, ok := started.Load(addr); ok {
		start = t.(time.Time)
	}
	return addr, end.Sub(start), nil
}

type summary struct {
	sent, connected  int
	least, most, sum time.Duration
}

func (s summary) String() string {
	loss := 100 * float64(s.sent-s.connected) / float64(max(s.sent, 1))
	if s.connected == 0 {
		return fmt.Sprintf("%d sent, 0 connected, %.3g%% loss", s.sent, loss)
	}
	avg := s.sum / time.Duration(s.connected)
	return fmt.Sprintf("%d sent, %d connected, %.3g%% loss, min/avg/max %s/%s/%s",
		s.sent, s.connected, min(loss, 99.9), // rounded, 100% would say that none had connected
		milliseconds(s.least), milliseconds(avg), milliseconds(s.most))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3fms", float64(d)/float64(time.Millisecond))
}
