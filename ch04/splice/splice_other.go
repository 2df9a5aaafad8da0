//go:build !linux

package splice

import "net"

// Copy with: splice.go, splice_linux.go, hold_linux.go.

type pipes struct{}

func (*pipes) copyTCP(dst, src net.Conn) (ok bool, err error) { return false, nil }

func (*pipes) close() error { return nil }
