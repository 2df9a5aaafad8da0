package ch07

import (
	"errors"
	"fmt"
	"net"
	"os/user"
	"strconv"
)

// Copy with: creds_linux.go, creds_groups_linux.go, creds_other.go.

// Credentials say who opened the other end of a Unix socket. The kernel records a client's
// at connect(2) and a server's at listen(2), and never updates them. In a user namespace,
// such as a container's, 65534 stands for every user and group that is not mapped.
type Credentials struct {
	PID int32 // 0 if our PID namespace does not show the process
	UID uint32
	GID uint32 // the effective group; [PeerGroups] has the supplementary ones
}

// ErrNoPeer reports a socket without a recorded peer, such as a unixgram socket. The kernel
// returns user and group 4294967295 for it, which must not count as real ones.
var ErrNoPeer = errors.New("no peer credentials on record")

// Groups is a set of numeric group IDs, made by [ParseGroupNames].
type Groups map[uint32]struct{}

// ParseGroupNames looks up names in the group database. If a name is not there but is a
// decimal number, it stands for that group ID, as with chgrp(1). Any other name is a
// user.UnknownGroupError, so that typos are caught at startup. If the system's groups are
// not numbers the error matches errors.ErrUnsupported.
func ParseGroupNames(names ...string) (Groups, error) {
	groups := make(Groups, len(names))
	for _, name := range names {
		gid := name
		g, err := user.LookupGroup(name)
		if err == nil {
			gid = g.Gid
		}
		id, numErr := strconv.ParseUint(gid, 10, 32)
		switch {
		case numErr == nil && id < 1<<32-1: // 1<<32-1 means "no group" to the kernel
			groups[uint32(id)] = struct{}{}
		case err != nil:
			return nil, fmt.Errorf("group %q: %w", name, err)
		default:
			return nil, fmt.Errorf("group %q has ID %q: %w", name, gid, errors.ErrUnsupported)
		}
	}
	return groups, nil
}

// Allowed reports whether the process that opened conn's other end is in one of groups, by
// its effective group or a supplementary one. Root is admitted by its groups, like any
// other user. After an error the result is false. On systems other than Linux the error
// always matches errors.ErrUnsupported.
func Allowed(conn *net.UnixConn, groups Groups) (bool, error) {
	creds, err := PeerCredentials(conn)
	if err != nil {
		return false, err
	}
	if _, ok := groups[creds.GID]; ok {
		return true, nil
	}
	gids, err := PeerGroups(conn)
	if err != nil {
		return false, err
	}
	for _, gid := range gids {
		if _, ok := groups[gid]; ok {
			return true, nil
		}
	}
	return false, nil
}

// UserGroups returns the groups of a user in the user and group databases, the primary
// group included. A process can have others, see [PeerGroups]. Errors are those of os/user,
// such as user.UnknownUserIdError, and errors.ErrUnsupported if groups are not numbers.
func UserGroups(uid uint32) ([]uint32, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return nil, fmt.Errorf("groups of user %d: %w", uid, err)
	}
	names, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %d: %w", uid, err)
	}
	gids := make([]uint32, 0, len(names))
	for _, name := range names {
		gid, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("groups of user %d: %q: %w", uid, name, errors.ErrUnsupported)
		}
		gids = append(gids, uint32(gid))
	}
	return gids, nil
}
