package ch03

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// ErrNoAddress reports a call of [DialFirst] without addresses.
var ErrNoAddress = errors.New("dial first: no address")

// DialFirst dials all addresses at the same time and returns the first connection. It
// cancels the other dials, waits for them and closes their connections. The end of ctx
// does not close the connection returned. A nil dial means net.Dialer; any other must
// return soon after its ctx ends.
//
// If all dials fail, the error joins their errors in the order of the addresses: test it
// with errors.Is. If one name has several addresses use net.Dial, which tries them in
// turn (RFC 8305).
func DialFirst(ctx context.Context,
	dial func(ctx context.Context, network, address string) (net.Conn, error),
	network string, addresses ...string) (net.Conn, error) {
	if len(addresses) == 0 {
		return nil, ErrNoAddress
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var dials sync.WaitGroup
	first := make(chan net.Conn, 1)
	errs := make([]error, len(addresses)) // one element for each goroutine
	for i, address := range addresses {
		dials.Go(func() {
			conn, err := dial(ctx, network, address)
			if err == nil && conn == nil {
				err = errors.New("dial returned neither a connection nor an error")
			}
			if err != nil {
				errs[i] = fmt.Errorf("dial first: %s: %w", address, err)
				return
			}
			select {
			case first <- conn:
				cancel() // the others
			default:
				conn.Close() // too late
			}
		})
	}
	dials.Wait()
	switch {
	case len(first) > 0:
		return <-first, nil
	case len(errs) == 1:
		return nil, errs[0]
	}
	return nil, errors.Join(errs...)
}
