package ch03_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// Before Go 1.23 a tick that was not received stayed in the channel through a Reset, so a
// program had to drain the channel first.
func TestTimerResetNeedsNoDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer := time.NewTimer(time.Second)
		time.Sleep(2 * time.Second) // it has fired
		start := time.Now()
		timer.Reset(10 * time.Second)
		<-timer.C
		if got := time.Since(start); got != 10*time.Second {
			t.Errorf("the tick came after %v, want 10s: the old tick is gone", got)
		}
	})
}
