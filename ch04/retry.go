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
// net.Error.Temporary, which is deprecated because "temporary" was never defined.
//
// It may help after a timeout, a refusal (the server may be starting), a reset (of an
// earlier conn), an unreachable network, exhausted descriptors or memory, and a name server
// that failed. It does not help after a canceled ctx, a conn that we closed, a name that
// does not exist, the end of a stream, or an error that is not known here. A ctx that timed
// out is a timeout, as a dial that timed out looks the same.
//
// On Windows only timeouts and name servers are recognized. The request may have been
// served: repeat only what may happen twice.
func Transient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) {
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

// A Backoff says how often to try again and how long to wait before. The zero value is two
// retries, after waits of up to 100 ms and 200 ms.
type Backoff struct {
	Retries int           // tries after the first, at most; 0 is 2
	First   time.Duration // bound of the first wait; 0 is 100 ms
	Max     time.Duration // bound of every wait; 0 is 10 s
}

// Wait returns how long to wait before retry n, counted from 1: at random between half a
// bound and the bound, which doubles with each retry from First to Max. Without chance, all
// clients of a server that failed would come back at the same moment.
func (b Backoff) Wait(n int) time.Duration {
	if n <= 0 {
		return 0
	}
	limit, bound := b.Max, b.First
	if limit <= 0 {
		limit = 10 * time.Second
	}
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

// Retry calls try until it succeeds, fails with an error that is not Transient, the retries
// of b are used up, or ctx ends. It returns the last error of try, and context.Cause(ctx)
// if ctx has ended. If ctx would end during a wait it does not wait: that is
// context.DeadlineExceeded at once. try should respect its ctx.
//
// Not under another Retry: three layers of three tries are 27.
func Retry(ctx context.Context, b Backoff, try func(context.Context) error) error {
	retries := b.Retries
	if retries <= 0 {
		retries = 2
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
		if ctx.Err() != nil { // first: try may say only that it was canceled
			return ended(context.Cause(ctx))
		}
		if !Transient(err) || n > retries {
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
