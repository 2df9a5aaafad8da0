//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package ch07

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// Copy with: listen.go, listen_lock.go, listen_other.go.

// socketPathSize is the kernel's room for a path and the NUL after it.
const socketPathSize = len(syscall.RawSockaddrUnix{}.Path)

// socketBacklog is how many connections may wait for Accept; the kernel lowers it to its
// own limit (net.core.somaxconn on Linux).
const socketBacklog = 4096

func listenSocket(network, path string, perm fs.FileMode) (net.Listener, error) {
	linux := runtime.GOOS == "linux" || runtime.GOOS == "android"
	if linux && path[0] == '@' {
		if perm != 0 {
			return nil, fmt.Errorf("%w: abstract names have no permission bits, got %v",
				errors.ErrUnsupported, perm)
		}
		if len(path) > socketPathSize { // the "@" stands for a NUL
			return nil, fmt.Errorf("%w: %d bytes, limit %d",
				ErrPathTooLong, len(path), socketPathSize)
		}
		return net.Listen(network, path)
	}
	if len(path) >= socketPathSize {
		return nil, fmt.Errorf("%w: %d bytes, limit %d",
			ErrPathTooLong, len(path), socketPathSize-1)
	}
	abs := socketAbs(path) // for Close, in whatever directory the process is by then
	lock, err := lockSocket(abs + ".lock")
	if err != nil {
		return nil, err
	}
	l, err := bindSocket(network, path, perm)
	if err != nil {
		unlockSocket(lock)
		return nil, err
	}
	file, err := os.Lstat(path)
	if err != nil {
		l.Close()
		unlockSocket(lock)
		return nil, err
	}
	return &socketListener{UnixListener: l, path: abs, file: file, lock: lock}, nil
}

// socketAbs makes path absolute where that leads to the same place: not where a directory
// above may not be searched. It does not clean it: "link/.." is not where it seems.
func socketAbs(path string) string {
	wd, err := os.Getwd()
	there, thereErr := os.Stat(wd)
	here, hereErr := os.Stat(".")
	if path[0] == '/' || errors.Join(err, thereErr, hereErr) != nil || !os.SameFile(here, there) {
		return path
	}
	return wd + "/" + path
}

// bindSocket is called with the lock held.
func bindSocket(network, path string, perm fs.FileMode) (*net.UnixListener, error) {
	if err := removeStale(network, path); err != nil {
		return nil, err
	}
	kind := syscall.SOCK_STREAM
	if network == "unixpacket" {
		kind = syscall.SOCK_SEQPACKET
	}
	syscall.ForkLock.RLock() // no child may inherit the socket before CloseOnExec
	fd, err := syscall.Socket(syscall.AF_UNIX, kind, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() // net.FileListener works on a duplicate
	// Linux makes the file with the bits of the socket, less the umask, so no moment has
	// more. Others refuse this: there a connect that looked at the file before the chmod
	// below and comes to the socket after listen gets in.
	syscall.Fchmod(fd, uint32(perm.Perm())) // error dropped: see above
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	l, err := func() (net.Listener, error) {
		if err := os.Chmod(path, perm); err != nil { // adds what the umask took
			return nil, err
		}
		if err := syscall.Listen(fd, socketBacklog); err != nil {
			return nil, os.NewSyscallError("listen", err)
		}
		return net.FileListener(f) // its Close leaves the file to socketListener
	}()
	if err != nil {
		os.Remove(path) // error dropped: the first one says more
		return nil, err
	}
	return l.(*net.UnixListener), nil // both networks have this type
}

// removeStale clears path of the socket of a dead server, and of nothing else.
func removeStale(network, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w: %v", ErrNotSocket, info.Mode())
	}
	// Only "connection refused" tells that nobody listens. No permission, a full
	// backlog or a socket of another type mean that somebody may.
	conn, err := net.Dial(network, path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%w: a server answers there", syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w: %w", syscall.EADDRINUSE, err)
	}
	return os.Remove(path)
}

// socketListener has all methods of *net.UnixListener.
type socketListener struct {
	*net.UnixListener
	path  string
	file  fs.FileInfo // the socket file that bind made
	lock  *os.File
	close sync.Once
}

// Close removes the socket file first and unlocks last, so that the next server finds
// either this one or nothing. While the socket is open its inode is not used again.
func (l *socketListener) Close() error {
	err := net.ErrClosed
	l.close.Do(func() {
		if now, lerr := os.Lstat(l.path); lerr == nil && os.SameFile(l.file, now) {
			os.Remove(l.path) // error dropped: the next Listen finds it stale
		}
		err = l.UnixListener.Close()
		unlockSocket(l.lock)
	})
	return err
}
