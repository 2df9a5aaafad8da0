//go:build !linux || 386

package ch07

import (
	"errors"
	"fmt"
	"net"
	"runtime"
)

// Copy with: creds.go, creds_linux.go, creds_groups_linux.go.

// PeerCredentials fails, so that [Allowed] admits no peer that it cannot identify.
func PeerCredentials(*net.UnixConn) (Credentials, error) {
	return Credentials{}, fmt.Errorf("peer credentials on %s/%s: %w",
		runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

// PeerGroups fails like [PeerCredentials].
func PeerGroups(*net.UnixConn) ([]uint32, error) {
	return nil, fmt.Errorf("peer groups on %s/%s: %w",
		runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}
