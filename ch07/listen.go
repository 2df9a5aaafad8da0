package ch07

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
)

// Copy with: listen_unix.go, listen_lock.go, listen_other.go.

var (
	// ErrPathTooLong reports a socket path that does not fit the kernel's address: 107
	// bytes on Linux, 103 on macOS and the BSDs. The error text names the limit, where
	// package net says "invalid argument" only.
	ErrPathTooLong = errors.New("socket path too long")
	// ErrNotSocket reports that the path is taken by something that is no socket.
	ErrNotSocket = errors.New("file exists and is not a socket")
)

// Listen listens on a Unix socket as a service should. The network is "unix" or, where
// the system has it, "unixpacket". The socket file gets exactly the permission bits perm,
// whatever the umask: a client needs the write bit to connect. (Some old systems ignore
// the bits. A directory that only the right users may search works everywhere.)
//
// The bits hold from the start: on Linux the file is made with them. Elsewhere Listen sets
// them between bind(2) and listen(2), where the kernel refuses everyone, but a connect that
// is under way may slip through: put the socket into a directory of its own there. Calling
// os.Chmod after net.Listen leaves a longer moment, and syscall.Umask changes every
// goroutine's files.
//
// A socket file left by a dead server is replaced, a live server's never: then the error
// is syscall.EADDRINUSE. Of several programs that call Listen at once, one wins. Each
// keeps a lock file, path + ".lock", while it listens; the kernel lets go of the lock when
// the program dies. A server that was not started by Listen is recognized by connecting
// to it, which it sees as a connection that ends at once. One that crosses with Listen
// between its own bind and listen, or on a BSD has a full backlog, looks dead: start such
// servers by some other rule. And one whose bits keep us from connecting looks alive: if
// perm lacks the owner's write bit, remove what a dead server left yourself.
//
// The error is [ErrNotSocket] if anything but a socket is at path, a symbolic link
// included; it stays. So does a file with content at path + ".lock", such as PostgreSQL
// writes: fs.ErrExist. Other errors: [ErrPathTooLong], [net.UnknownNetworkError], those
// of the system such as fs.ErrNotExist and fs.ErrPermission, and errors.ErrUnsupported on
// systems without flock(2), such as Windows.
//
// A path that starts with "@" is a name in Linux's abstract namespace: no file, nothing
// left behind, up to 107 bytes after the "@". It has no permission bits either, and
// everyone in the network namespace can connect, so perm must be 0: check
// [PeerCredentials] instead. Other systems take "@" as part of a file's name.
//
// The caller closes the listener, which removes the socket file if it still is the one
// that Listen made, and then the lock file. Its connections are of type [*net.UnixConn].
//
// Not for unixgram, which hears everyone from bind on: keep such a socket in a directory
// of its own.
func Listen(network, path string, perm fs.FileMode) (net.Listener, error) {
	if network != "unix" && network != "unixpacket" {
		return nil, fmt.Errorf("listen: %w", net.UnknownNetworkError(network))
	}
	if path == "" {
		return nil, fmt.Errorf("listen %s: %w: no path", network, fs.ErrInvalid)
	}
	if perm&^fs.ModePerm != 0 {
		return nil, fmt.Errorf("listen %s %s: %w: mode %v, want permission bits only",
			network, path, fs.ErrInvalid, perm)
	}
	l, err := listenSocket(network, path, perm)
	if err != nil {
		return nil, fmt.Errorf("listen %s %s: %w", network, path, err)
	}
	return l, nil
}
