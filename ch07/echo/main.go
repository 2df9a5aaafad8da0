// Command echo sends back what it receives on a Unix, TCP or UDP socket.
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
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"network-programming-with-go/ch07"
)

// Copy with: ../echo.go, ../echo_datagram.go, ../echo_reply_unix.go, ../echo_reply_other.go,
// ../listen.go, ../listen_unix.go, ../listen_lock.go, ../listen_other.go.

const usage = `echo sends back what it receives on a Unix, TCP or UDP socket.

Usage: echo [-network unix|unixgram|unixpacket|tcp|udp] [-listen ADDR]

ADDR is HOST:PORT for tcp and udp, otherwise a path, which only its owner may connect to
(unixgram: as the umask says), or on Linux an abstract name, @NAME, open to all.

Example:
  go run ./ch07/echo -network unix -listen /tmp/echo.sock
and in another terminal:
  nc -U /tmp/echo.sock

Flags:
`

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP) // a closed terminal must leave no file
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	network := flags.String("network", "unix",
		"`TYPE` of the socket: unix, unixgram, unixpacket, tcp or udp")
	listen := flags.String("listen", "", "serve on `ADDR` (default "+
		filepath.Join(os.TempDir(), "echo.sock")+" or, for tcp and udp, 127.0.0.1:7777)")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "echo: %v (try echo -h)\n", err)
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "echo: unexpected argument %q (try echo -h)\n", flags.Arg(0))
		return 2
	}
	inet := *network == "tcp" || *network == "udp"
	if *listen == "" && inet {
		*listen = "127.0.0.1:7777"
	} else if *listen == "" {
		*listen = filepath.Join(os.TempDir(), "echo.sock")
	}
	var serve func() error
	var addr net.Addr
	var err error
	switch *network {
	case "unix", "unixpacket", "tcp":
		var l net.Listener
		if l, err = listenStream(*network, *listen); err == nil {
			addr, serve = l.Addr(), func() error { return ch07.ServeEcho(ctx, l) }
		}
	case "unixgram", "udp":
		var c net.PacketConn
		if c, err = net.ListenPacket(*network, *listen); err == nil {
			addr, serve = c.LocalAddr(), func() error { return ch07.ServePacketEcho(ctx, c) }
		}
	default:
		fmt.Fprintf(stderr, "echo: -network %q: want unix, unixgram, unixpacket, tcp or udp "+
			"(try echo -h)\n", *network)
		return 2
	}
	if err == nil {
		fmt.Fprintf(stderr, "listening on %s\n", addr)
		err = serve()
	}
	if err != nil {
		fmt.Fprintf(stderr, "echo: %v\n", err)
		return 1
	}
	return 0
}

// listenStream takes over the socket of a server that was killed, where it can.
func listenStream(network, addr string) (net.Listener, error) {
	perm := os.FileMode(0o600)
	switch {
	case network == "tcp", runtime.GOOS == "windows":
		return net.Listen(network, addr)
	case runtime.GOOS == "linux" && strings.HasPrefix(addr, "@"):
		perm = 0 // abstract names have none
	}
	return ch07.Listen(network, addr, perm)
}
