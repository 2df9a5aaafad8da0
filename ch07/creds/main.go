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
	"syscall"
	"time"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/sockfile"
)

// Copy with: log.go, ../creds.go, ../creds_linux.go, ../creds_groups_linux.go, ../creds_other.go,
// ../serve.go, ../sockfile/sockfile.go, ../sockfile/sockfile_unix.go, ../sockfile/sockfile_other.go.

const usage = `creds admits the peers of a Unix socket that are in one of the named groups.

Every user can connect. creds asks the kernel who the peer is and writes "Welcome" or
"Access denied". It then closes the connection of a denied peer. GROUP is a name or a
number. Linux only.

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
	signal.Ignore(syscall.SIGPIPE) // a broken log pipe must not end the program
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command as a function: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("creds", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // wrong use prints one line, not all flags
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
		fmt.Fprintln(stderr, "creds: want at least one GROUP (try creds -h)")
		return 2
	}
	groups, err := ch07.ParseGroupNames(flags.Args()...)
	if err != nil {
		fmt.Fprintf(stderr, "creds: %v (try creds -h)\n", err)
		return 2
	}
	perm := os.FileMode(0o666) // the groups decide, not the bits
	if sockfile.Abstract(*socket) {
		perm = 0 // no file, no bits
	}
	l, err := sockfile.Listen("unix", *socket, perm)
	if err != nil {
		fmt.Fprintf(stderr, "creds: %v\n", err)
		return 1
	}
	queue := newLogQueue(stderr)
	defer queue.close()
	fmt.Fprintf(queue, "listening on %s\n", l.Addr())
	log := slog.New(slog.NewTextHandler(queue, nil))
	err = ch07.Serve(ctx, acceptLog{l, log}, func(ctx context.Context, conn net.Conn) {
		admit(ctx, conn.(*net.UnixConn), groups, log)
	})
	if err != nil {
		fmt.Fprintf(queue, "creds: %v\n", err)
		return 1
	}
	return 0
}

// acceptLog logs the errors of Accept, those that pass too.
type acceptLog struct {
	net.Listener
	log *slog.Logger
}

func (l acceptLog) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		l.log.Warn("accept failed", "error", err)
	}
	return conn, err
}

// admit responds to one peer and reads until the peer closes. A denied peer has a second
// for that. If the server closed at once, a client that writes before it reads would get
// EPIPE.
func admit(ctx context.Context, conn *net.UnixConn, groups ch07.Groups, log *slog.Logger) {
	allowed, err := ch07.Allowed(conn, groups)
	peer, _ := ch07.PeerCredentials(conn) // error dropped: Allowed returned it
	log.Info("peer", "pid", peer.PID, "uid", peer.UID, "gid", peer.GID,
		"allowed", allowed, "error", err)
	now := time.Now()
	conn.SetWriteDeadline(now.Add(5 * time.Second)) // cannot fail: conn is open
	response := "Welcome\n"
	if !allowed {
		response = "Access denied\n"
		conn.SetReadDeadline(now.Add(time.Second))
	}
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })
	defer stop()
	if _, err := io.WriteString(conn, response); err != nil {
		return
	}
	if !allowed {
		conn.CloseWrite() // error dropped: the read below fails too
	}
	io.Copy(io.Discard, conn) // error dropped: it ends the connection anyway
}
