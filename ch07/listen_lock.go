//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package ch07

import (
	"errors"
	"fmt"
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
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				err = fmt.Errorf("%w: %s is locked by a running server",
					syscall.EADDRINUSE, path)
			}
			return nil, err
		}
		held, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		// A server that closed after our open has removed this file: its lock is worth
		// nothing, as the next one to start locks a new file.
		if now, err := os.Lstat(path); err == nil && os.SameFile(held, now) {
			return f, nil
		}
		f.Close()
	}
}

// unlockSocket removes first: whoever waits to lock the old file then sees it is gone.
func unlockSocket(lock *os.File) {
	os.Remove(lock.Name()) // error dropped: a file that stays is free to be locked
	lock.Close()           // releases the lock
}
