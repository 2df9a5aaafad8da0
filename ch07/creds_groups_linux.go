//go:build linux && !386

package ch07

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"unsafe"
)

// Copy with: creds.go, creds_linux.go, creds_other.go.

// soPeerGroups is SO_PEERGROUPS (Linux 4.13) of asm-generic/socket.h, which package
// syscall lacks. The number is the same on every Linux system that Go supports.
const soPeerGroups = 59

// PeerGroups returns the supplementary groups that conn's peer had when it connected. They
// may lack the effective group of [Credentials]. If the kernel cannot tell, such as Linux
// before 4.13, they are those of [UserGroups]. Errors are those of [PeerCredentials].
func PeerGroups(conn *net.UnixConn) ([]uint32, error) {
	creds, err := PeerCredentials(conn)
	if err != nil {
		return nil, err
	}
	raw, _ := conn.SyscallConn() // did not fail in PeerCredentials
	var gids []uint32
	var sockErr error
	err = raw.Control(func(fd uintptr) { gids, sockErr = peerGroups(fd) })
	if errors.Is(sockErr, syscall.ENOPROTOOPT) {
		return UserGroups(creds.UID)
	}
	if err := errors.Join(err, sockErr); err != nil {
		return nil, fmt.Errorf("peer groups: %w", err)
	}
	return gids, nil
}

func peerGroups(fd uintptr) ([]uint32, error) {
	gids := make([]uint32, 64) // usually enough; the limit is 65,536
	for {
		size := uint32(len(gids) * 4) // in bytes
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT,
			fd, syscall.SOL_SOCKET, soPeerGroups,
			uintptr(unsafe.Pointer(&gids[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return gids[:size/4], nil
		case errno != syscall.ERANGE || int(size) <= len(gids)*4:
			return nil, errno
		}
		gids = make([]uint32, size/4) // as many as the kernel says
	}
}
