//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package ch07

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// lockSocket creates and locks the file at path: one process at a time can have it.
func lockSocket(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 0 {
			f.Close()
			return nil, errors.Join(err, fmt.Errorf("%w: %s is not a lock file of Listen",
				fs.ErrExist, path))
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = fmt.Errorf("%w: %s is locked by a running server",
					syscall.EADDRINUSE, path)
			}
			return nil, err
		}
		// A server that closed after our open has removed this file: its lock is worth
		// nothing, as the next one to start locks a new file.
		if lockAtPath(f) {
			return f, nil
		}
		f.Close()
	}
}

// unlockSocket removes first: whoever waits to lock the old file then sees it is gone.
func unlockSocket(lock *os.File) {
	if lockAtPath(lock) { // or it is another server's, after somebody removed ours
		os.Remove(lock.Name()) // error dropped: a file that stays is free to be locked
	}
	lock.Close() // releases the lock
}

// lockAtPath reports whether the open file still is the one at its path.
func lockAtPath(lock *os.File) bool {
	held, err := lock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(lock.Name())
	return err == nil && os.SameFile(held, now)
}
