package ch07

import (
	"errors"
	"fmt"
	"net"
	"os/user"
	"strconv"
)

// Copy with: creds_linux.go, creds_other.go.

// Credentials say who opened the other end of a Unix socket, as the kernel recorded it at
// connect(2) (for a client asking about its server: at listen(2)). They do not follow
// what happens later: the peer may drop rights, or hand its socket to another process.
//
// In a user namespace, such as a container's, each user and group that is not mapped into
// it shows as 65534. So to admit group 65534 (nogroup) there is to admit all of them.
type Credentials struct {
	PID int32 // 0 if the process is not visible in our PID namespace
	UID uint32
	GID uint32 // the effective group; [PeerGroups] has the supplementary ones
}

// ErrNoPeer reports a socket without a peer on record, such as one for unixgram. The
// kernel answers with user and group 4294967295 then, which must not be taken for real.
var ErrNoPeer = errors.New("no peer credentials on record")

// Groups is a set of numeric group IDs, made by [ParseGroupNames].
type Groups map[uint32]struct{}

// ParseGroupNames looks the names up in the group database. A name that is not there but
// is a decimal number stands for that group ID, as with chgrp(1). Any other name is an
// error, user.UnknownGroupError, so that a typing error shows at start and not as a door
// that stays shut. It fails with errors.ErrUnsupported where groups are not numbers.
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
		case numErr == nil && id < 1<<32-1: // the last one means "no group" to the kernel
			groups[uint32(id)] = struct{}{}
		case err != nil:
			return nil, fmt.Errorf("group %q: %w", name, err)
		default:
			return nil, fmt.Errorf("group %q has ID %q: %w", name, gid, errors.ErrUnsupported)
		}
	}
	return groups, nil
}

// Allowed reports whether conn's peer is in one of groups, by its effective group ID or a
// supplementary one. Without groups nobody is allowed, and with an error, which matches
// errors.ErrUnsupported on systems other than Linux, the answer is always false.
//
// User 0 is no exception: admit group 0 to admit root. It asks who the peer was when it
// connected (see [Credentials]); a peer that hands its socket on hands on its admission.
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

// UserGroups returns the groups that the user and group databases name for uid, primary
// group included. That is what a new login would get and may differ from what a process
// has: the process may be older than a change, in a container with other databases, or
// have dropped groups. Ask [PeerGroups] about a process. Errors are those of os/user,
// such as user.UnknownUserIdError, and errors.ErrUnsupported where groups are no numbers.
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
			return nil, fmt.Errorf("groups of user %d: %q: %w",
				uid, name, errors.ErrUnsupported)
		}
		gids = append(gids, uint32(gid))
	}
	return gids, nil
}
