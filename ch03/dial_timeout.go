package ch03

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// DialTimeout connects to address and gives up after timeout, name resolution included.
//
// After timeout the error is a *net.OpError with Timeout() true, and
// errors.Is(err, context.DeadlineExceeded). The errors of net.DialTimeout match that or
// os.ErrDeadlineExceeded, as chance will have it; here it is always the same. Failures
// before that, such as syscall.ECONNREFUSED or a *net.DNSError, are as net.Dial has them.
//
// A timeout of 0 or less fails at once; for net.DialTimeout 0 means no limit. Without a
// limit of yours the system's applies: about two minutes on Linux.
//
// The timeout does not govern the connection: the caller sets its deadlines, and closes
// it. To end a dial early use net.Dialer.DialContext.
func DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		// The dialer sets ctx's deadline on its socket too: whichever fires first
		// decides what the error is.
		if op, ok := errors.AsType[*net.OpError](err); ok &&
			errors.Is(op.Err, os.ErrDeadlineExceeded) {
			op.Err = context.DeadlineExceeded
		}
		return nil, err
	}
	return conn, nil
}
