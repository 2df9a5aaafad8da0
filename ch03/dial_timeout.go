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
	deadline := time.Now().Add(timeout)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		return conn, err
	}
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case ok && errors.Is(op.Err, os.ErrDeadlineExceeded):
		// The dialer sets the deadline, or one address's share of it, on its sockets too:
		// whichever timer fires first decides what the error is.
		op.Err = context.DeadlineExceeded
	case !time.Now().Before(deadline):
		// Of a name with several addresses the error may be that of one that refused long
		// ago, while another took all the time.
		err = &net.OpError{Op: "dial", Net: network, Err: context.DeadlineExceeded}
	}
	return nil, err
}
