//go:build linux && !386

package ch07

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Copy with: creds.go, creds_groups_linux.go, creds_other.go.

// PeerCredentials returns who opened the other end of conn: SO_PEERCRED of unix(7). The
// error matches net.ErrClosed if conn is closed, [ErrNoPeer] if conn is nil or has no peer,
// and errors.ErrUnsupported on 32-bit x86 and on systems other than Linux. Use PID for logs
// only: another process may have it by now.
func PeerCredentials(conn *net.UnixConn) (Credentials, error) {
	if conn == nil { // from a type assertion that failed
		return Credentials{}, ErrNoPeer
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return Credentials{}, fmt.Errorf("peer credentials: %w", err)
	}
	var ucred *syscall.Ucred
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		ucred, sockErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	switch err := errors.Join(err, sockErr); {
	case err != nil:
		return Credentials{}, fmt.Errorf("peer credentials: %w", err)
	case ucred.Uid == 1<<32-1 || ucred.Gid == 1<<32-1:
		return Credentials{}, ErrNoPeer
	}
	return Credentials{PID: ucred.Pid, UID: ucred.Uid, GID: ucred.Gid}, nil
}
