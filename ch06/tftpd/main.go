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
	"os"
	"os/signal"
	"syscall"
	"time"

	"network-programming-with-go/ch06"
)

// Copy with: picture.svg, ../types.go, ../request.go, ../options.go, ../server.go, ../sessions.go, ../files.go, ../transfer.go, ../link.go, ../lockstep_linux.go, ../lockstep_other.go, ../offload_linux.go, ../offload_other.go, ../arrival_linux.go, ../arrival_other.go.

const usage = `tftpd serves files over TFTP (RFC 1350), read-only.

Usage: tftpd [-listen HOST:PORT] [-root DIR | -payload FILE] [flags]

Without -root and -payload it serves a picture, whatever name is asked for.
Whoever reaches the port can read every file below DIR.

Example:
  go run ./ch06/tftpd -listen 127.0.0.1:6969 -root .

Flags:
`

// grace is how long transfers may go on after a signal.
const grace = 5 * time.Second

//go:embed picture.svg
var picture []byte

func main() {
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more ends no transfer
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	server := &ch06.Server{Logger: slog.New(slog.NewTextHandler(stderr, nil))}
	flags := flag.NewFlagSet("tftpd", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	listen := flags.String("listen", "127.0.0.1:6969", "serve on `HOST:PORT`; port 0 picks a free one")
	root := flags.String("root", "", "serve the files below `DIR`; links that lead out of it are refused")
	payload := flags.String("payload", "", "serve `FILE` under every name")
	flags.IntVar(&server.Retries, "retries", 5, "send a block again `N` times before the client is given up")
	flags.DurationVar(&server.Timeout, "timeout", time.Second, "wait `D` before a block is sent again; the wait doubles up to 8s")
	flags.IntVar(&server.MaxBlockSize, "max-blksize", ch06.MaxBlockSize, "grant blocks of at most `N` bytes, 512 to 65464")
	flags.IntVar(&server.MaxWindowSize, "max-windowsize", 64, "grant windows of at most `N` blocks, 1 to 65535")
	flags.IntVar(&server.MaxTransfers, "max-transfers", 512, "serve at most `N` clients at one time")
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
	case server.Retries < 0:
		return wrongUse(stderr, "-retries %d: want 0 or more", server.Retries)
	case server.Timeout <= 0:
		return wrongUse(stderr, "-timeout %v: want more than 0", server.Timeout)
	case server.MaxBlockSize < ch06.BlockSize || server.MaxBlockSize > ch06.MaxBlockSize:
		return wrongUse(stderr, "-max-blksize %d: want 512 to 65464", server.MaxBlockSize)
	case server.MaxWindowSize < 1 || server.MaxWindowSize > 65535:
		return wrongUse(stderr, "-max-windowsize %d: want 1 to 65535", server.MaxWindowSize)
	case server.MaxTransfers < 1:
		return wrongUse(stderr, "-max-transfers %d: want 1 or more", server.MaxTransfers)
	}
	if server.Retries == 0 {
		server.Retries = -1 // none; the Server takes 0 for its default
	}
	if err := serve(ctx, server, *listen, *root, *payload, stderr); err != nil {
		fmt.Fprintf(stderr, "tftpd: %v\n", err)
		return 1
	}
	return 0
}

// serve runs until ctx ends, then lets transfers in flight end.
func serve(ctx context.Context, server *ch06.Server, listen, root, payload string, stderr io.Writer) error {
	var err error
	switch {
	case root != "":
		dir, err := os.OpenRoot(root)
		if err != nil {
			return err
		}
		defer dir.Close()
		server.FS = dir.FS()
	case payload != "":
		if server.Payload, err = os.ReadFile(payload); err != nil {
			return err
		}
		if server.Payload == nil {
			server.Payload = []byte{} // an empty file is one too
		}
	default:
		server.Payload = picture
	}
	conn, err := net.ListenPacket("udp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "listening on %v\n", conn.LocalAddr())

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

func hasPort(addr string) bool {
	_, _, err := net.SplitHostPort(addr)
	return err == nil
}

func wrongUse(stderr io.Writer, format string, args ...any) int {
	fmt.Fprintf(stderr, "tftpd: "+format+" (try tftpd -h)\n", args...)
	return 2
}
