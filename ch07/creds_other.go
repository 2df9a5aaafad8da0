//go:build !linux || 386

package ch07

import (
	"errors"
	"fmt"
	"net"
	"runtime"
)

// Copy with: creds.go, creds_linux.go.

// PeerCredentials refuses, so that [Allowed] does: whoever cannot tell users apart must
// not let them in.
func PeerCredentials(*net.UnixConn) (Credentials, error) {
	return Credentials{}, fmt.Errorf("peer credentials on %s/%s: %w",
		runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

// PeerGroups refuses like [PeerCredentials].
func PeerGroups(*net.UnixConn) ([]uint32, error) {
	return nil, fmt.Errorf("peer groups on %s/%s: %w",
		runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}
