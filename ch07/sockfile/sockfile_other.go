//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
)

// Copy with: sockfile.go, sockfile_unix.go.

// open refuses: a socket without its permission bits and its lock would not be safe.
func (f *file) open(network, path string, _ fs.FileMode) error {
	return fmt.Errorf("listen %s %s: %w", network, path, errors.ErrUnsupported)
}

func (c *packetConn) WriteTo([]byte, net.Addr) (int, error) { return 0, errors.ErrUnsupported }
