package ch03

import (
	"context"
	"errors"
	"net"
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
	if err != nil && !time.Now().Before(deadline) && !errors.Is(err, context.DeadlineExceeded) {
		// The dialer sets the deadline on its sockets too, and whichever fires first decides
		// what the error is. Of a name with several addresses it is the first one's, which
		// may have refused long ago.
		op := &net.OpError{Op: "dial", Net: network, Err: context.DeadlineExceeded}
		if first, ok := errors.AsType[*net.OpError](err); ok && first.Timeout() {
			op.Source, op.Addr = first.Source, first.Addr
		}
		return nil, op
	}
	return conn, err
}
