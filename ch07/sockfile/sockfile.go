// Package sockfile opens Unix sockets as a service should. The socket file has the right
// permission bits from the start, replaces the file of a dead server but never that of a
// live one, and is removed at the end, unless another file has taken its place.
package sockfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
)

// Copy with: sockfile_unix.go, sockfile_other.go.

var (
	// ErrPathTooLong reports a path that does not fit the kernel's socket address: 107 bytes
	// on Linux, 103 on macOS and the BSDs. Package net only says "invalid argument".
	ErrPathTooLong = errors.New("socket path too long")
	// ErrNotSocket reports that the file at the path is not a socket.
	ErrNotSocket = errors.New("file exists and is not a socket")
)

// Listen listens on network "unix" or "unixpacket". The socket file gets the permission bits
// perm, whatever the umask; clients need the write bit. On Linux it has them from the start,
// elsewhere from just after listen(2): use a private directory there. If path is [Abstract]
// there is no file, and perm must be 0.
//
// While the socket is open, path + ".lock" is locked: of programs that start at once, one
// wins. The error is syscall.EADDRINUSE if a live server is at path, [ErrNotSocket] if
// another kind of file is, and fs.ErrExist if the lock file has content. Other errors are
// [ErrPathTooLong], those of the system, and errors.ErrUnsupported, as on Windows.
func Listen(network, path string, perm fs.FileMode) (*Listener, error) {
	if network != "unix" && network != "unixpacket" {
		return nil, fmt.Errorf("listen: %w", net.UnknownNetworkError(network))
	}
	l := &Listener{}
	if err := l.file.open(network, path, perm); err != nil {
		return nil, err
	}
	l.UnixListener = l.file.socket.(*net.UnixListener)
	l.UnixListener.SetUnlinkOnClose(false) // it would remove whatever is at path
	return l, nil
}

// ListenUnixgram is [Listen] for network "unixgram". WriteTo of its conn does not wait for
// a receiver that does not read; it fails with syscall.EAGAIN.
func ListenUnixgram(path string, perm fs.FileMode) (net.PacketConn, error) {
	c := &packetConn{}
	if err := c.file.open("unixgram", path, perm); err != nil {
		return nil, err
	}
	c.PacketConn = c.file.socket.(*net.UnixConn)
	return c, nil
}

// Abstract reports whether path is a name in Linux's abstract namespace: it starts with "@".
// Such a socket has no file, and every process in the network namespace can connect.
func Abstract(path string) bool {
	return (runtime.GOOS == "linux" || runtime.GOOS == "android") && strings.HasPrefix(path, "@")
}

// A Listener is a [net.UnixListener] that closes in order: it removes its socket file and
// lock file, then closes the socket. A goroutine that waits in Accept returns after that.
type Listener struct {
	*net.UnixListener
	file file
}

// Close returns net.ErrClosed if it was called before.
func (l *Listener) Close() error { return l.file.close() }

// SetUnlinkOnClose sets whether Close removes the socket file. The default is true. A server
// that hands its socket (see the File method) to its successor sets it to false.
func (l *Listener) SetUnlinkOnClose(unlink bool) { l.file.keep = !unlink }

// packetConn has the methods of net.PacketConn only: a *net.UnixConn's other writes wait.
type packetConn struct {
	net.PacketConn // a *net.UnixConn
	file           file
}

func (c *packetConn) Close() error { return c.file.close() }

// file is what an open socket has in the file system; for an abstract name, nothing.
type file struct {
	socket io.Closer
	path   string      // absolute, as the process may change its directory
	info   fs.FileInfo // of the socket file that bind(2) made
	lock   *os.File
	keep   bool // do not remove the socket file
	closed sync.Once
}

// close removes the files first, so that none is left when Accept returns. Until the socket
// is closed, no other file gets its inode.
func (f *file) close() error {
	err := net.ErrClosed
	f.closed.Do(func() {
		if !f.keep {
			removeOwn(f.path, f.info)
		}
		if f.lock != nil {
			info, _ := f.lock.Stat() // cannot fail: it is open
			removeOwn(f.lock.Name(), info)
			defer f.lock.Close() // runs last: releases the lock
		}
		if f.socket != nil { // nil if open failed
			err = f.socket.Close()
		}
	})
	return err
}

// removeOwn removes the file at path if it still is the one that own describes.
func removeOwn(path string, own fs.FileInfo) {
	if now, err := os.Lstat(path); err == nil && own != nil && os.SameFile(own, now) {
		os.Remove(path) // error dropped: the next server finds it stale
	}
}
