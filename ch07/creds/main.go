// Command creds admits the peers of a Unix socket that are in one of the named groups.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"network-programming-with-go/ch07"
)

// Copy with: ../creds.go, ../creds_linux.go, ../creds_other.go,
// ../listen.go, ../listen_unix.go, ../listen_lock.go, ../listen_other.go.

const usage = `creds admits the peers of a Unix socket that are in one of the named groups.

It asks the kernel who connects, answers "Welcome" or "Access denied", and ends the
connection of the denied. Everybody may connect. GROUP is a name or a number. Linux only.

Usage: creds [-socket PATH] GROUP...

Example:
  go run ./ch07/creds root users
and in another terminal:
  nc -U /tmp/creds.sock

Flags:
`

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP) // a closed terminal must leave no file
	}
	signal.Ignore(syscall.SIGPIPE) // a log that nobody reads any more ends no connection
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("creds", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints its reason alone, not every flag
	socket := flags.String("socket", filepath.Join(os.TempDir(), "creds.sock"),
		"listen on `PATH`; @NAME is an abstract name on Linux")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "creds: %v (try creds -h)\n", err)
		return 2
	case flags.NArg() == 0:
		fmt.Fprint(stderr, "creds: want at least one GROUP\n"+
			"Usage: creds [-socket PATH] GROUP... (try creds -h)\n")
		return 2
	}
	groups, err := ch07.ParseGroupNames(flags.Args()...)
	if err != nil {
		fmt.Fprintf(stderr, "creds: %v (try creds -h)\n", err)
		return 2
	}
	perm := os.FileMode(0o666) // all may knock: the groups decide, not the bits
	if strings.HasPrefix(*socket, "@") {
		perm = 0 // abstract names have none
	}
	l, err := ch07.Listen("unix", *socket, perm)
	if err != nil {
		fmt.Fprintf(stderr, "creds: %v\n", err)
		return 1
	}
	fmt.Fprintf(stderr, "listening on %s\n", l.Addr())
	if err := serve(ctx, l, groups, slog.New(slog.NewTextHandler(stderr, nil))); err != nil {
		fmt.Fprintf(stderr, "creds: %v\n", err)
		return 1
	}
	return 0
}

// serve owns l; when it returns, every connection has ended.
func serve(ctx context.Context, l net.Listener, groups ch07.Groups, log *slog.Logger) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // runs before Wait: ends the connections
	defer l.Close()
	context.AfterFunc(ctx, func() { l.Close() }) // unblocks Accept
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			wg.Go(func() { receive(ctx, conn.(*net.UnixConn), groups, log) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default: // out of descriptors, say: those who leave make room
			log.Error("accept", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}

// receive answers one peer and then listens to an admitted one until it hangs up. One that
// is denied has a second to do so: closing at once would break the pipe of a client that
// writes before it reads, or reset the connection, and it would not see why.
func receive(ctx context.Context, conn *net.UnixConn, groups ch07.Groups, log *slog.Logger) {
	defer conn.Close()
	allowed, err := ch07.Allowed(conn, groups)
	peer, _ := ch07.PeerCredentials(conn) // for the log; an error is Allowed's as well
	log.Info("peer", "pid", peer.PID, "uid", peer.UID, "gid", peer.GID,
		"allowed", allowed, "error", err)
	now := time.Now()
	conn.SetWriteDeadline(now.Add(5 * time.Second)) // cannot fail: conn is open
	answer := "Welcome\n"
	if !allowed {
		answer = "Access denied\n"
		conn.SetReadDeadline(now.Add(time.Second))
	}
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })
	defer stop()
	if _, err := io.WriteString(conn, answer); err != nil {
		return
	}
	if !allowed {
		conn.CloseWrite() // that was all: an error shows below
	}
	io.Copy(io.Discard, conn) // the end of the connection is not an error here
}
