//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package ch07

import (
	"errors"
	"io/fs"
	"net"
)

// listenSocket refuses: a listener without the bits that were asked for is no substitute.
func listenSocket(string, string, fs.FileMode) (net.Listener, error) {
	return nil, errors.ErrUnsupported
}
