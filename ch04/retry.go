package ch04

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"
)

// Transient reports whether trying again may help after err. It replaces
// net.Error.Temporary, which is deprecated because "temporary" was never defined:
// most of what it called so were timeouts.
//
// Worth another try: timeouts, a peer that refuses (it may be starting) or resets
// (on a new conn), a network that is unreachable now, exhausted descriptors or
// memory, and a name server without an answer. Not worth one: a cancelled ctx, a conn
// we closed, a name that does not exist, a stream that ended, and whatever is not
// known to pass, such as a wrong address or a missing permission.
//
// The end of a context by time is a timeout like any other, since a dial that timed
// out matches context.DeadlineExceeded too; whether there is time for another try is
// the caller's to know. Windows has other numbers for its socket errors: there only
// timeouts and name servers are recognised.
//
// It says nothing about whether the peer acted on the first try: only requests that
// may happen twice may be repeated.
func Transient(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound && (dns.IsTimeout || dns.IsTemporary)
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return true
	}
	for _, errno := range retryErrnos {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// EPIPE is missing: the peer is done with this conn, and a new one is not a retry.
var retryErrnos = [...]error{
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED,
	syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL,
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EINTR, syscall.EAGAIN,
}

// A Backoff says how long to wait between tries. The zero value means three tries,
// with waits of up to 100 ms and 200 ms.
type Backoff struct {
	Tries int           // at most, the first included; 0 is 3, less than 0 no limit
	First time.Duration // bound of the first wait; 0 is 100 ms
	Max   time.Duration // bound of every wait; 0 is 10 s
}

// Wait returns how long to wait before try n, counted from 0: at random between half
// a bound and the bound, which doubles with each try from First to Max. Without
// chance, all clients of a server that fell over would come back in the same moment.
func (b Backoff) Wait(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	limit := b.Max
	if limit <= 0 {
		limit = 10 * time.Second
	}
	bound := b.First
	if bound <= 0 {
		bound = 100 * time.Millisecond
	}
	for i := 1; i < n && bound < limit; i++ {
		bound *= 2
		if bound <= 0 {
			bound = limit // doubled out of range
		}
	}
	bound = min(bound, limit)
	return bound - rand.N(bound/2+1)
}

// Retry calls try until it succeeds, fails with an error that is not Transient, the
// tries of b are used up, or ctx ends. It returns the last error of try, with the
// number of tries, and together with context.Cause(ctx) if ctx has ended. It does not
// wait when ctx would end first: that is context.DeadlineExceeded at once. try gets
// ctx and should respect it.
//
// Not for requests that must not happen twice, and not under another Retry: three
// layers of three tries are 27.
func Retry(ctx context.Context, b Backoff, try func(context.Context) error) error {
	tries := b.Tries
	if tries == 0 {
		tries = 3
	}
	if ctx.Err() != nil {
		return fmt.Errorf("retry: %w", context.Cause(ctx))
	}
	for n := 1; ; n++ {
		err := try(ctx)
		if err == nil {
			return nil
		}
		ended := func(cause error) error {
			return fmt.Errorf("retry: %w after try %d: %w", cause, n, err)
		}
		if ctx.Err() != nil { // first: try may say no more than that it was cancelled
			return ended(context.Cause(ctx))
		}
		if !Transient(err) || n == tries {
			return fmt.Errorf("retry: try %d: %w", n, err)
		}
		wait := b.Wait(n)
		if end, ok := ctx.Deadline(); ok && time.Until(end) <= wait {
			return ended(context.DeadlineExceeded)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // asked for again, as both may be ready
			return ended(context.Cause(ctx))
		}
	}
}
