//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// Copy with: sockfile.go, sockfile_other.go.

// pathSize is the kernel's room for a path and the NUL after it.
const pathSize = len(syscall.RawSockaddrUnix{}.Path)

// open takes the lock, clears the path and makes the socket.
func (f *file) open(network, path string, perm fs.FileMode) (err error) {
	defer func() {
		if err != nil {
			f.close() // error dropped: the first one says more
			err = fmt.Errorf("listen %s %s: %w", network, path, err)
		}
	}()
	if err := check(path, perm); err != nil {
		return err
	}
	var lc net.ListenConfig
	if !Abstract(path) {
		f.path = absolute(path)
		if f.lock, err = lockFile(f.path + ".lock"); err != nil {
			return err
		}
		if err := removeStale(network, path); err != nil {
			return err
		}
		// Linux makes the file with the bits of the socket, less the umask, so it never has
		// more than perm. On other systems Fchmod fails, and only the Chmod below sets them.
		lc.Control = func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { syscall.Fchmod(int(fd), uint32(perm)) })
		}
	}
	if network == "unixgram" {
		f.socket, err = lc.ListenPacket(context.Background(), network, path)
	} else {
		f.socket, err = lc.Listen(context.Background(), network, path)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // the deferred func adds the rest
	}
	if err != nil || Abstract(path) {
		return err
	}
	if f.info, err = os.Lstat(path); err != nil {
		return err
	}
	return os.Chmod(path, perm) // adds what the umask took
}

func check(path string, perm fs.FileMode) error {
	limit := pathSize - 1
	if Abstract(path) {
		limit = pathSize // its "@" stands for a NUL, and no other follows
	}
	switch {
	case path == "", perm&^fs.ModePerm != 0:
		return fmt.Errorf("%w: want a path and permission bits, got %v", fs.ErrInvalid, perm)
	case len(path) > limit:
		return fmt.Errorf("%w: %d bytes, limit %d", ErrPathTooLong, len(path), limit)
	case Abstract(path) && perm != 0:
		return fmt.Errorf("%w: abstract names have no permission bits, got %v",
			errors.ErrUnsupported, perm)
	}
	return nil
}

// absolute returns path from the root, if the directories above can be searched. It does not
// clean path, because ".." after a link leads to the parent of the link's target.
func absolute(path string) string {
	wd, err := os.Getwd()
	if _, statErr := os.Stat(wd); path[0] == '/' || err != nil || statErr != nil {
		return path
	}
	return wd + "/" + path
}

// lockFile opens or creates the file at path and locks it for one process at a time.
func lockFile(path string) (*os.File, error) {
	for {
		// Linux can forbid O_CREATE for a file of another user in /tmp, even to root: see
		// fs.protected_regular. So a file that exists is opened without it.
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				continue // another server was faster
			}
		}
		if err != nil {
			return nil, err
		}
		held, err := f.Stat()
		switch {
		case err != nil:
		case !held.Mode().IsRegular() || held.Size() > 0:
			err = fmt.Errorf("%w: %s is not a lock file of this package", fs.ErrExist, path)
		default:
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = fmt.Errorf("%w: a server has locked %s", syscall.EADDRINUSE, path)
			}
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		// If its server has removed the file since our open, the lock protects nothing:
		// the next server locks a new file.
		if now, err := os.Lstat(path); err == nil && os.SameFile(held, now) {
			return f, nil
		}
		f.Close()
	}
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
	conn, err := net.Dial(network, path) // a server of another kind holds no lock
	if errors.Is(err, syscall.ECONNREFUSED) {
		return os.Remove(path)
	}
	if err == nil {
		conn.Close()
		err = errors.New("a server accepts there")
	}
	// No permission, a full backlog, another type of socket: the server may be alive.
	return fmt.Errorf("%w: %w", syscall.EADDRINUSE, err)
}

// WriteTo tries once. Package net waits while the receiver's queue is full: on Linux, after
// net.unix.max_dgram_qlen messages, often 10. A deadline in the past does not help: package
// net then does not try at all.
func (c *packetConn) WriteTo(p []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UnixAddr)
	if !ok || addr == nil {
		return c.PacketConn.WriteTo(p, to) // fails: the client has no name
	}
	raw, _ := c.PacketConn.(*net.UnixConn).SyscallConn() // cannot fail: it is not nil
	var sendErr error
	err := raw.Write(func(fd uintptr) bool {
		sendErr = syscall.Sendto(int(fd), p, 0, &syscall.SockaddrUnix{Name: addr.Name})
		return true // do not wait, whatever the result
	})
	if err := errors.Join(err, sendErr); err != nil {
		return 0, fmt.Errorf("write to %s: %w", addr.Name, err)
	}
	return len(p), nil
}
