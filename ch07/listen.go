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
// a dead server, which refuses connections. If a live server or another file is at path, it
// returns the error of net.Listen, syscall.EADDRINUSE.
//
// The permission bits are up to the umask. If two programs start at once, both may take the
// file of a dead server, and only one is reached. Package ch07/sockfile prevents both.
func ListenUnix(network, path string) (net.Listener, error) {
	l, inUse := net.Listen(network, path)
	if inUse == nil {
		return l, nil
	}
	info, err := os.Lstat(path) // not Stat: a symbolic link must stay
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil, inUse // there is no file, or another kind of file
	}
	conn, err := net.Dial(network, path)
	if err == nil {
		conn.Close()
		return nil, inUse // a server accepts
	}
	refused := errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.Errno(10061)) // WSAECONNREFUSED of Windows
	if !refused {
		return nil, inUse // no permission or a full backlog: the server may live
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("listen: stale socket: %w", err)
	}
	return net.Listen(network, path)
}
