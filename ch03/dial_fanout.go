package ch03

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// ErrNoAddress reports a DialFirst without addresses.
var ErrNoAddress = errors.New("dial first: no address")

// DialFirst dials all addresses at the same time, each as net.Dial does. The first
// connection wins and is returned; the other dials are cancelled, and connections that
// come too late are closed.
//
// When all dials have failed it returns at once. The error has those of all addresses,
// in their order, each under its address, so errors.Is and errors.As find each of them;
// with one address it is that error alone. Without addresses it is ErrNoAddress.
// When ctx ends first, the errors are context.Canceled or a timeout (see net.Dialer), but
// that of a name with several addresses may be what one of them had said before.
//
// All goroutines that it starts have ended when DialFirst returns; package net may take a
// moment more to give up the lookup of a name. Neither ctx nor its end governs the
// connection; the caller closes it.
//
// Each call costs the servers a connection each. To several addresses of one name use
// net.Dial, which tries them in turn and the two IP families in parallel (RFC 8305
// describes this "Happy Eyeballs"), and for many servers try a few at a time.
func DialFirst(ctx context.Context, network string, addresses ...string) (net.Conn, error) {
	return (&FanOut{}).DialFirst(ctx, network, addresses...)
}

// FanOut is DialFirst with a dialer of your own: one with options, through a proxy,
// with TLS. The zero value is ready to use, by several goroutines at a time.
type FanOut struct {
	// Dial makes one connection, as net.Dialer.DialContext, which is used if it is
	// nil. It must return soon after ctx has ended: DialFirst waits for that.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// DialFirst is as the function DialFirst.
func (f *FanOut) DialFirst(ctx context.Context, network string,
	addresses ...string) (net.Conn, error) {
	if len(addresses) == 0 {
		return nil, ErrNoAddress
	}
	dial := f.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var (
		dials  sync.WaitGroup
		once   sync.Once
		winner net.Conn // set in once, read after Wait
	)
	errs := make([]error, len(addresses)) // each goroutine has an element of its own
	for i, address := range addresses {
		dials.Go(func() {
			conn, err := dial(ctx, network, address)
			if err != nil {
				errs[i] = fmt.Errorf("dial first: %s: %w", address, err)
				return
			}
			won := false
			once.Do(func() { winner, won = conn, true })
			if !won {
				conn.Close() // connected before the cancel reached it
				return
			}
			cancel() // the others
		})
	}
	dials.Wait()

	switch {
	case winner != nil:
		return winner, nil
	case len(errs) == 1:
		return nil, errs[0]
	}
	return nil, errors.Join(errs...)
}
