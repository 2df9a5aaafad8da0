// Package splice copies between TCP connections at the least cost. On Linux it has a buffer
// only while bytes are on their way, and a transfer in full flow goes through a pipe, by
// splice(2), so that its bytes never enter the process. It imports the standard library only.
package splice

import (
	"io"
	"net"
)

// Copy with: copy_linux.go, hold_linux.go, copy_other.go.

// A Copier copies between conns. It keeps what it needs for the next ones until Close. The
// zero value is ready to use, by many goroutines at once.
type Copier struct{ pipes }

// Copy copies src to dst until src ends, which is nil.
//
// On Linux a *net.TCPConn is treated as the package says, and so is a wrapper that has the
// methods NetConn, which returns it, and Moved, which is called after bytes have moved. In
// full flow Copy looks for more before it sleeps. That is for a process that has nothing
// else to do: it takes time from others. Other conns are copied by Read and Write.
func (c *Copier) Copy(dst, src net.Conn) error {
	if ok, err := c.copyTCP(dst, src); ok {
		return err
	}
	_, err := io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src})
	return err
}
