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
	"syscall"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/sockfile"
)

// Copy with: ../echo.go, ../echo_datagram.go, ../listen.go, ../serve.go,
// ../sockfile/sockfile.go, ../sockfile/sockfile_unix.go, ../sockfile/sockfile_other.go.

const usage = `echo sends back what it receives on a Unix, TCP or UDP socket.

Usage: echo [-network unix|unixgram|unixpacket|tcp|udp] [-listen ADDR]

ADDR is HOST:PORT for tcp and udp. For the other types it is the path of a socket file, to
which only its owner can connect. On Linux it may be an abstract name, @NAME, to which
every user can connect.

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
	flags.SetOutput(io.Discard) // wrong use prints one line, not all flags
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
	if *listen == "" {
		*listen = filepath.Join(os.TempDir(), "echo.sock")
		if *network == "tcp" || *network == "udp" {
			*listen = "127.0.0.1:7777"
		}
	}
	perm := os.FileMode(0o600)
	if sockfile.Abstract(*listen) {
		perm = 0 // no file, no bits
	}
	var l net.Listener
	var c net.PacketConn
	var err error
	switch {
	case *network == "unix" && runtime.GOOS == "windows": // which sockfile does not support
		l, err = ch07.ListenUnix(*network, *listen)
	case *network == "unix", *network == "unixpacket":
		l, err = sockfile.Listen(*network, *listen, perm)
	case *network == "unixgram":
		c, err = sockfile.ListenUnixgram(*listen, perm)
	case *network == "tcp":
		l, err = net.Listen(*network, *listen)
	case *network == "udp":
		c, err = net.ListenPacket(*network, *listen)
	default:
		fmt.Fprintf(stderr, "echo: -network %q: want unix, unixgram, unixpacket, tcp or udp "+
			"(try echo -h)\n", *network)
		return 2
	}
	switch {
	case err != nil:
	case l != nil:
		fmt.Fprintf(stderr, "listening on %s\n", l.Addr())
		err = ch07.ServeEcho(ctx, l)
	default:
		fmt.Fprintf(stderr, "listening on %s\n", c.LocalAddr())
		err = ch07.ServePacketEcho(ctx, c)
	}
	if err != nil {
		fmt.Fprintf(stderr, "echo: %v\n", err)
		return 1
	}
	return 0
}
