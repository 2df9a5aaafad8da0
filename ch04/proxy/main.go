// Command proxy passes TCP connections on to another address.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"network-programming-with-go/ch04"
)

// Copy with: ../monitor.go, ../proxy.go, ../relay.go, ../relay_linux.go, ../relay_other.go.

const usage = `proxy passes TCP connections on to another address.

Usage: proxy -to HOST:PORT [-listen HOST:PORT] [flags]

Half-closes and resets are passed on. On SIGINT or SIGTERM it accepts no more,
lets open connections end for up to 5 seconds, and resets the rest.

Example:
  go run ./ch04/proxy -listen 127.0.0.1:8080 -to 127.0.0.1:80

Flags:
`

const grace = 5 * time.Second // for open connections after a signal

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("proxy", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	listen := flags.String("listen", "127.0.0.1:8080",
		"serve on `HOST:PORT`; port 0 picks a free one")
	to := flags.String("to", "", "pass connections on to `HOST:PORT`; required")
	dialTimeout := flags.Duration("dial-timeout", 5*time.Second,
		"give up connecting to the target after this `time`")
	idleTimeout := flags.Duration("idle-timeout", 0,
		"end a connection on which nothing moves for this `time`; 0 is never")
	monitor := flags.Bool("monitor", false, "log the traffic to stderr")
	splice := flags.Bool("splice", false,
		"leave every byte to the kernel, where it can; keeps pipes for idle connections")
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
	wrong := ""
	switch _, _, err := net.SplitHostPort(*to); {
	case flags.NArg() > 0:
		wrong = fmt.Sprintf("unexpected argument %q", flags.Arg(0))
	case *to == "":
		wrong = "-to is missing"
	case err != nil:
		wrong = fmt.Sprintf("-to: %v", err)
	case *dialTimeout <= 0:
		wrong = fmt.Sprintf("-dial-timeout %v: want more than 0", *dialTimeout)
	case *idleTimeout < 0:
		wrong = fmt.Sprintf("-idle-timeout %v: want 0 or more", *idleTimeout)
	case *monitor && *splice:
		wrong = "-monitor cannot see what -splice leaves in the kernel"
	}
	if wrong != "" {
		fmt.Fprintf(stderr, "proxy: %s (try proxy -h)\n", wrong)
		return 2
	}

	p := &proxy{
		to:     *to,
		dialer: net.Dialer{Timeout: *dialTimeout},
		relay:  ch04.Relay{IdleTimeout: *idleTimeout, Splice: *splice},
		log:    slog.New(slog.NewTextHandler(stderr, nil)),
	}
	if *monitor {
		p.monitor = stderr
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintf(stderr, "proxy: %v\n", err)
		return 1
	}
	fmt.Fprintf(stderr, "listening on %v\n", l.Addr())
	p.serve(ctx, l)
	return 0
}

type proxy struct {
	to      string
	dialer  net.Dialer
	relay   ch04.Relay
	log     *slog.Logger
	monitor io.Writer // nil: do not log the traffic
}

// serve owns l, the connections and the goroutines: all are gone when it returns.
func (p *proxy) serve(ctx context.Context, l net.Listener) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by grace
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(ctx, func() {
		l.Close() // unblocks Accept
		time.AfterFunc(grace, cancel)
	})()
	defer l.Close()
	const firstPause, maxPause = 5 * time.Millisecond, time.Second
	pause := firstPause
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = firstPause
			wg.Go(func() { p.handle(work, conn) })
		case ctx.Err() != nil:
			return
		default:
			// Out of descriptors or memory, or a peer gone before its turn: to end
			// would drop all connections for the sake of one.
			p.log.Warn("accept failed", "error", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, maxPause)
		}
	}
}

// handle owns client.
func (p *proxy) handle(ctx context.Context, client net.Conn) {
	defer client.Close()
	peer := client.RemoteAddr()
	server, err := p.dialer.DialContext(ctx, "tcp", p.to)
	if err != nil {
		p.log.Warn("connecting failed", "client", peer, "error", err)
		if tcp, ok := client.(*net.TCPConn); ok {
			tcp.SetLinger(0) // a reset: an empty answer would look like one
		}
		return
	}
	if p.monitor != nil {
		name := peer.String() + " -> "
		client = monitored(client, log.New(p.monitor, name, log.Lmicroseconds|log.Lmsgprefix))
		name = peer.String() + " <- "
		server = monitored(server, log.New(p.monitor, name, log.Lmicroseconds|log.Lmsgprefix))
	}
	switch err := p.relay.Run(ctx, client, server); {
	case errors.Is(err, ch04.ErrIdle):
		p.log.Info("idle connection ended", "client", peer)
	case err != nil:
		p.log.Warn("connection failed", "client", peer, "error", err)
	}
}

// A monitoredConn logs what is read from it. It embeds the interface, not the
// *net.TCPConn, whose WriteTo would pass the log by.
type monitoredConn struct {
	net.Conn
	r io.Reader
}

func monitored(c net.Conn, l *log.Logger) net.Conn {
	return monitoredConn{c, io.TeeReader(c, &ch04.Monitor{Logger: l})}
}

func (c monitoredConn) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c monitoredConn) CloseWrite() error           { return c.Conn.(*net.TCPConn).CloseWrite() }
func (c monitoredConn) SetLinger(seconds int) error { return c.Conn.(*net.TCPConn).SetLinger(seconds) }
