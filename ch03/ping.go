package ch03

import (
	"context"
	"io"
	"time"
)

// DefaultPingInterval is the time between pings until [Pinger] receives another interval.
const DefaultPingInterval = 30 * time.Second

// Pinger writes "ping" to w after each interval, until ctx ends or a write fails. Each
// value from reset restarts the interval, and a value above 0 also replaces it; reset may
// be nil. After Pinger has returned nothing receives from reset, so send with
//
//	select {
//	case reset <- 0:
//	case <-done: // closed when Pinger has returned
//	}
//
// The end of ctx does not interrupt a write: set a write deadline, or close the conn.
func Pinger(ctx context.Context, w io.Writer, reset <-chan time.Duration) {
	interval := DefaultPingInterval
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case d, ok := <-reset:
			if !ok {
				reset = nil // a closed channel is always ready, nil never
				continue
			}
			if d > 0 {
				interval = d
			}
		case <-timer.C:
			if n, err := io.WriteString(w, "ping"); err != nil || n < len("ping") {
				return
			}
		}
		timer.Reset(interval) // needs no draining since Go 1.23
	}
}
