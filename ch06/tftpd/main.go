// Command tftpd serves files over TFTP (RFC 1350), read-only.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/fastudp"
)

// Copy with: log.go, picture.svg, ../fastudp, ../packets.go, ../options.go, ../conn.go, ../send.go, ../files.go, ../server.go, ../sessions.go, ../trace.go.

const usage = `tftpd serves files over TFTP (RFC 1350), read-only.

Usage: tftpd [-listen HOST:PORT] [-root DIR | -payload FILE] [flags]

Without -root and -payload it serves a picture, whatever name is requested.
Any host that reaches the port can read every file below DIR.

Example:
  go run ./ch06/tftpd -listen 127.0.0.1:6969 -root .

Flags:
`

// grace is how long transfers may go on after a signal.
const grace = 5 * time.Second

//go:embed picture.svg
var picture []byte

func main() {
	signal.Ignore(syscall.SIGPIPE) // a log whose reader has gone must not end the process
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	server := &ch06.Server{}
	flags := flag.NewFlagSet("tftpd", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	listen := flags.String("listen", "127.0.0.1:6969", "serve on `HOST:PORT`; port 0 picks a free one")
	root := flags.String("root", "", "serve the files below `DIR`; links that lead out of it are refused")
	payload := flags.String("payload", "", "serve `FILE` under every name")
	refuse := flags.String("refuse", "", "leave out the options in the list `OPTION,...`, for clients that mishandle them")
	flags.DurationVar(&server.Timeout, "timeout", time.Second, "wait `D` for the first ACK; later waits follow the round trips")
	flags.DurationVar(&server.Patience, "patience", 30*time.Second, "end a transfer that makes no progress for `D`")
	flags.IntVar(&server.MaxBlockSize, "max-blksize", ch06.MaxBlockSize, "grant blocks of at most `N` bytes, 512 to 65464")
	flags.IntVar(&server.MaxWindowSize, "max-windowsize", 64, "grant windows of at most `N` blocks, 1 to 65535; fewer of blocks above 1536 bytes")
	flags.IntVar(&server.MaxTransfers, "max-transfers", 4096, "serve at most `N` clients at one time")
	plain := flags.Bool("plain", false, "one datagram per system call, and the kernel's choice of source address")
	verbose := flags.Bool("v", false, "log each packet")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		return wrongUse(stderr, "%v", err)
	case flags.NArg() > 0:
		return wrongUse(stderr, "unexpected argument %q", flags.Arg(0))
	case !hasPort(*listen):
		return wrongUse(stderr, "-listen %s: want HOST:PORT", *listen)
	case *root != "" && *payload != "":
		return wrongUse(stderr, "-root and -payload exclude each other")
	case server.Timeout <= 0:
		return wrongUse(stderr, "-timeout %v: want more than 0", server.Timeout)
	case server.Patience <= 0:
		return wrongUse(stderr, "-patience %v: want more than 0", server.Patience)
	case server.MaxBlockSize < ch06.BlockSize || server.MaxBlockSize > ch06.MaxBlockSize:
		return wrongUse(stderr, "-max-blksize %d: want 512 to 65464", server.MaxBlockSize)
	case server.MaxWindowSize < 1 || server.MaxWindowSize > 65535:
		return wrongUse(stderr, "-max-windowsize %d: want 1 to 65535", server.MaxWindowSize)
	case server.MaxTransfers < 1:
		return wrongUse(stderr, "-max-transfers %d: want 1 or more", server.MaxTransfers)
	}
	if *refuse != "" {
		server.Refuse = strings.Split(strings.ToLower(*refuse), ",")
		for _, option := range server.Refuse {
			if !slices.Contains([]string{"blksize", "timeout", "tsize", "windowsize"}, option) {
				return wrongUse(stderr, "-refuse %q: want blksize, timeout, tsize or windowsize", option)
			}
		}
	}
	listenPacket := net.ListenPacket
	if !*plain {
		listenPacket, server.ListenPacket = fastudp.Listen, fastudp.ListenPacket
	}
	if err := serve(ctx, server, listenPacket, *listen, *root, *payload, *verbose, stderr); err != nil {
		fmt.Fprintf(stderr, "tftpd: %v\n", err)
		return 1
	}
	return 0
}

// serve runs until ctx ends, then lets transfers in flight end.
func serve(ctx context.Context, server *ch06.Server, listenPacket func(network, address string) (net.PacketConn, error),
	listen, root, payload string, verbose bool, stderr io.Writer) (err error) {
	switch {
	case root != "":
		if server.Root, err = os.OpenRoot(root); err != nil {
			return err
		}
		defer server.Root.Close()
	case payload != "":
		read := make(chan error, 1)
		go func() {
			var err error
			server.Payload, err = os.ReadFile(payload)
			read <- err
		}()
		select {
		case err := <-read:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return nil // a pipe can keep its reader waiting forever
		}
		if server.Payload == nil {
			server.Payload = []byte{} // an empty file
		}
	default:
		server.Payload = picture
	}
	conn, err := listenPacket(network(listen), listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "listening on %v\n", conn.LocalAddr())
	log := newLogQueue(stderr)
	defer log.close()
	server.Logger = slog.New(slog.NewTextHandler(log, nil))
	if verbose {
		server.Trace = func(sent bool, peer netip.AddrPort, packet []byte) {
			arrow := "<-"
			if sent {
				arrow = "->"
			}
			fmt.Fprintf(log, "%s %s  %v\n", arrow, ch06.Describe(packet), peer)
		}
	}

	ended := make(chan error, 1)
	go func() { ended <- server.Serve(conn) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(limit) == nil {
		<-ended // ErrServerClosed
		return nil
	}
	closed := make(chan struct{})
	go func() {
		server.Close() // ends what is still in flight, and says so in the log
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(time.Second): // a file that hangs must not keep the process
	}
	return nil
}

// network makes 0.0.0.0 mean IPv4 alone, as it is written: net.ListenPacket would serve
// both families.
func network(addr string) string {
	host, _, _ := net.SplitHostPort(addr) // was checked
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "udp4"
	}
	return "udp"
}

func hasPort(addr string) bool {
	_, _, err := net.SplitHostPort(addr)
	return err == nil
}

func wrongUse(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "tftpd: "+format+" (try tftpd -h)\n", args...)
	return 2
}
