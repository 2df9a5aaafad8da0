package ch03

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// DialTimeout connects to address, but fails after timeout, which includes the lookup of
// a name. The error then is a *net.OpError whose Timeout method reports true and matches
// context.DeadlineExceeded. One from net.DialTimeout matches that or
// os.ErrDeadlineExceeded, whichever timer fires first. Other errors are those of
// net.Dial.
//
// A timeout of 0 or less fails at once. It does not limit the connection returned: set
// deadlines. To cancel a dial use net.Dialer.DialContext.
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
