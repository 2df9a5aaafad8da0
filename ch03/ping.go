package ch03

import (
	"context"
	"io"
	"time"
)

// DefaultPingInterval is the interval of a Pinger that was given none.
const DefaultPingInterval = 30 * time.Second

// Pinger writes "ping" to w after each interval, until ctx ends or a write fails or falls
// short. It blocks, and starts no goroutine: run it in one that you wait for.
//
// The interval is the first value in reset, if one is waiting there at the start, else
// DefaultPingInterval. Each later value restarts the time to the next ping, and above 0
// it is the new interval; 0 or less restarts with the old one. So a program that sends
// 0 whenever it has written something else pings only when the connection is quiet. The
// interval after a ping starts when its write is done. A ping that is due at the very
// moment of a reset, or of the end of ctx, may still be written. reset may be nil, and
// closing it means no more resets.
//
// Pinger receives each value in turn: a send to an unbuffered reset waits for a write at
// most, even if ctx ends or the write fails meanwhile (of those that wait by then, up to
// 100 are let go on). When Pinger has returned nobody receives any more, so a sender must
// be able to give up: let the goroutine that runs Pinger cancel a context after it, and
// send in a select with that. ctx alone is not enough: a failed write does not end it.
//
// A write that blocks is for the owner of w to end, by a write deadline or by closing
// it: ctx cannot interrupt an io.Writer. For the error of a failed write let w keep it;
// that a peer is gone shows in reads too.
func Pinger(ctx context.Context, w io.Writer, reset <-chan time.Duration) {
	interval := DefaultPingInterval
	timer := time.NewTimer(interval)
	defer timer.Stop()
	defer func() { // lets senders go on that wait already, e.g. since the last write
		for range 100 { // a bound, for senders that never pause, and a closed channel
			select {
			case <-reset:
			default:
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case d, ok := <-reset: // one that waits at the start is taken here, at once
			if !ok {
				reset = nil // never ready again; closed it would always be
				continue
			}
			if d > 0 {
				interval = d
			}
			timer.Reset(interval) // needs no draining since Go 1.23
		case <-timer.C:
			if n, err := io.WriteString(w, "ping"); err != nil || n < len("ping") {
				return
			}
			timer.Reset(interval)
		}
	}
}
