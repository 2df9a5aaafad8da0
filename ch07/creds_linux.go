//go:build linux && !386

package ch07

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"unsafe"
)

// Copy with: creds.go, creds_other.go.

// soPeerGroups is SO_PEERGROUPS (Linux 4.13) of asm-generic/socket.h, which package
// syscall does not have. All Linux systems that Go supports use this number.
const soPeerGroups = 59

// PeerCredentials returns who opened the other end of conn: getsockopt SO_PEERCRED, see
// unix(7). A closed conn is net.ErrClosed; a socket without a peer, or nil, [ErrNoPeer].
// Other systems than Linux answer errors.ErrUnsupported. (So does Linux on 32-bit x86,
// as package syscall has no getsockopt for it.)
//
// The process may have ended and its PID belong to another one by now: PID is for logs.
// Do not look under /proc/PID to decide anything.
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
		ucred, sockErr = syscall.GetsockoptUcred(int(fd),
			syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	switch err := errors.Join(err, sockErr); {
	case err != nil:
		return Credentials{}, fmt.Errorf("peer credentials: %w", err)
	case ucred.Uid == 1<<32-1 || ucred.Gid == 1<<32-1:
		return Credentials{}, ErrNoPeer
	}
	return Credentials{PID: ucred.Pid, UID: ucred.Uid, GID: ucred.Gid}, nil
}

// PeerGroups returns the supplementary groups that conn's peer had when it connected:
// getsockopt SO_PEERGROUPS. On a kernel that cannot tell (before 4.13, or an emulated one)
// they are those of [UserGroups] instead, which can be others. The effective group of
// [Credentials] need not be among them. Errors are as for [PeerCredentials].
func PeerGroups(conn *net.UnixConn) ([]uint32, error) {
	creds, err := PeerCredentials(conn)
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("peer groups: %w", err)
	}
	var gids []uint32
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) { gids, errno = peerGroups(fd) })
	switch {
	case err != nil:
		return nil, fmt.Errorf("peer groups: %w", err)
	case errno == syscall.ENOPROTOOPT:
		return UserGroups(creds.UID)
	case errno != 0:
		return nil, fmt.Errorf("peer groups: %w", errno)
	}
	return gids, nil
}

func peerGroups(fd uintptr) ([]uint32, syscall.Errno) {
	gids := make([]uint32, 64) // most have fewer; a process may have 65,536
	for {
		size := uint32(len(gids) * 4) // in bytes
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT,
			fd, syscall.SOL_SOCKET, soPeerGroups,
			uintptr(unsafe.Pointer(&gids[0])), uintptr(unsafe.Pointer(&size)), 0)
		if errno == syscall.ERANGE && int(size) > len(gids)*4 {
			gids = make([]uint32, size/4) // the kernel says how many there are
			continue
		}
		if errno != 0 {
			return nil, errno
		}
		return gids[:size/4], 0
	}
}
