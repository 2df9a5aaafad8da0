package ch07

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// ListenUnix is [net.Listen] for "unix" and "unixpacket" that replaces the socket file of
// a dead server. A dead server's socket refuses connections; a live server sees one that
// ends at once. If the server lives, or path is not a socket, ListenUnix returns the error
// of net.Listen, syscall.EADDRINUSE.
//
// The file gets the permission bits that the umask leaves: put it in a directory of its own.
// Two programs that start at the same moment can both take the file of a dead server, and
// the second one wins. A service that must not risk that uses package ch07/sockfile.
func ListenUnix(network, path string) (net.Listener, error) {
	l, inUse := net.Listen(network, path)
	if inUse == nil {
		return l, nil
	}
	info, err := os.Lstat(path) // not Stat: a symbolic link is not ours to remove
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil, inUse // the path is not taken, or not by a socket
	}
	conn, err := net.Dial(network, path)
	switch {
	case err == nil:
		conn.Close()
		return nil, inUse // a server accepts
	case !errors.Is(err, syscall.ECONNREFUSED) &&
		!errors.Is(err, syscall.Errno(10061)): // WSAECONNREFUSED of Windows
		return nil, inUse // no permission, or a full backlog: the server may live
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("listen: stale socket: %w", err)
	}
	return net.Listen(network, path)
}
