package ch03

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// DialTimeout is net.Dial with a timeout, which includes the lookup of a name. If it times
// out, the error is a *net.OpError that matches context.DeadlineExceeded and whose Timeout
// method reports true. An error of net.DialTimeout matches that or
// os.ErrDeadlineExceeded, whichever timer fires first.
//
// If timeout is 0 or less, DialTimeout fails at once. The timeout does not apply to the
// connection returned: set deadlines. To cancel a dial use net.Dialer.DialContext.
func DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	op, ok := errors.AsType[*net.OpError](err)
	if ok && errors.Is(op.Err, os.ErrDeadlineExceeded) {
		op.Err = context.DeadlineExceeded // the timer of the socket was first
	}
	return conn, err
}
