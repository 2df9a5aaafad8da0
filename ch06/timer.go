package ch06

import "time"

const (
	minWait = 20 * time.Millisecond // a shorter wait would take a busy peer for a loss
	maxWait = 8 * time.Second       // unless a longer one was agreed on
)

// timer is the retransmission timer of one side: RFC 6298's, which RFC 1123 section
// 4.2.3.2 asks of TFTP. It measures round trips and waits a little longer than one takes.
// Each time that it expires the wait doubles, until patience has passed without progress.
type timer struct {
	wait     time.Duration // until the next retransmission
	margin   time.Duration // the least to wait beyond a round trip
	ceiling  time.Duration // the longest wait
	patience time.Duration // without progress, until the peer is given up

	smoothed time.Duration // average round trip; 0 until one was measured
	varied   time.Duration // its mean deviation
	shortest time.Duration // the shortest one
	outliers int           // much longer ones in a row

	progressed time.Time // when the peer last made progress
	due        time.Time // when the timer expires
}

// sample takes a round trip into account. Karn's rule: it must not be that of a packet
// that was retransmitted, since nobody knows which of the two was acknowledged. Nor may it
// be one after which the peer's own timer made it respond: a much longer one than usual
// counts only if it is not the exception.
func (t *timer) sample(d time.Duration) {
	if !t.usual(d) && t.outliers < 3 {
		t.outliers++
		return
	}
	d = max(d, 1)
	if t.smoothed == 0 {
		t.smoothed, t.varied, t.shortest = d, d/2, d
	} else {
		t.varied = (3*t.varied + (t.smoothed - d).Abs()) / 4
		t.smoothed = (7*t.smoothed + d) / 8
		t.shortest = min(t.shortest, d)
	}
	t.wait, t.outliers = t.timeout(), 0
}

// usual reports whether a round trip is not much longer than those before.
func (t *timer) usual(d time.Duration) bool {
	return t.smoothed == 0 || d <= t.smoothed+max(minWait/2, 4*t.varied)
}

// timeout returns the wait that follows from the round trips.
func (t *timer) timeout() time.Duration {
	if t.smoothed == 0 {
		return t.wait
	}
	return min(t.smoothed+max(t.margin, 4*t.varied), t.ceiling)
}

// start lets the timer run from now.
func (t *timer) start(now time.Time) {
	t.due = now.Add(t.wait)
	if end := t.progressed.Add(t.patience); t.due.After(end) {
		t.due = end
	}
}

// expire doubles the wait. It reports false if the peer is to be given up.
func (t *timer) expire(now time.Time) bool {
	t.wait = min(2*t.wait, t.ceiling)
	return now.Sub(t.progressed) < t.patience
}
