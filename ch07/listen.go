package ch07

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// ListenUnix is [net.Listen] for "unix" and "unixpacket", but replaces the socket file of a
// dead server, which refuses connections. If a live server or another file is at path, it
// returns the error of net.Listen, syscall.EADDRINUSE.
//
// The umask decides the permission bits. If two programs start at once, both may replace the
// file of a dead server, and clients reach only one of them. Package ch07/sockfile sets the
// bits and lets one program win.
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
		return nil, inUse // no permission or a full backlog: maybe a live server
	}
	if err := os.Remove(path); err != nil {
		return nil, fmt.Errorf("listen: stale socket: %w", err)
	}
	return net.Listen(network, path)
}
