package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

// pingReset is a value sent to Pinger some time after its start, or the channel's close.
type pingReset struct {
	at, value time.Duration
	last      bool // close the channel in place of sending the value
}

// When a Pinger pings in its first 119 seconds.
func TestPingerIntervals(t *testing.T) {
	const s = time.Second
	every30 := []string{"ping 30s", "ping 1m0s", "ping 1m30s"}
	every50 := []string{"ping 50s", "ping 1m40s"}
	restarted := []string{"ping 1m5s", "ping 1m45s"} // every 40 s, from 25 s on
	for _, tt := range []struct {
		name   string
		resets []pingReset // those at 0 s wait in the channel
		want   []string
	}{
		{"nil channel: 30 s", nil, every30},
		{"no interval: 30 s", []pingReset{}, every30},
		{"interval at the start", []pingReset{{value: 50 * s}}, every50},
		{"0 at the start: 30 s", []pingReset{{value: 0}}, every30},
		{"the last of several", []pingReset{{value: s}, {value: 2 * s}, {value: 50 * s}}, every50},
		{"0 restarts", []pingReset{{value: 40 * s}, {at: 25 * s}}, restarted},
		{"below 0 restarts", []pingReset{{value: 40 * s}, {at: 25 * s, value: -s}}, restarted},
		{"new interval", []pingReset{{at: 25 * s, value: 50 * s}}, []string{"ping 1m15s"}},
		{"often: no ping", []pingReset{{at: 29 * s}, {at: 58 * s}, {at: 87 * s}, {at: 116 * s}},
			nil},
		{"closed: no more resets", []pingReset{{at: 10 * s, last: true}}, every30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reset chan time.Duration
				if tt.resets != nil {
					reset = make(chan time.Duration, len(tt.resets))
				}
				for _, r := range tt.resets {
					switch {
					case r.last:
						time.AfterFunc(r.at, func() { close(reset) })
					case r.at > 0:
						time.AfterFunc(r.at, func() { reset <- r.value })
					default:
						reset <- r.value
					}
				}
				w := new(pingWriter)
				pingRun(t, w, reset)
				if !slices.Equal(w.log, tt.want) {
					t.Errorf("pings: %v\nwant:  %v", w.log, tt.want)
				}
				t.Logf("%v", w.log)
			})
		})
	}
}

// After a failed write Pinger returns at once, whatever the state of its timer.
func TestPingerEndsWithWriter(t *testing.T) {
	for _, tt := range []struct {
		name  string
		w     *pingWriter
		every time.Duration
		want  time.Duration
	}{
		{"first write", &pingWriter{fails: 1}, 0, 30 * time.Second},
		{"second write", &pingWriter{fails: 2}, 0, time.Minute},
		{"short write", &pingWriter{fails: 1, short: true}, 0, 30 * time.Second},
		{"shortest interval", &pingWriter{fails: 2}, 1, 2}, // ns
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reset := make(chan time.Duration, 1)
				reset <- tt.every
				tt.w.start = time.Now()
				ch03.Pinger(t.Context(), tt.w, reset) // the bubble would report a deadlock
				if got := time.Since(tt.w.start); got != tt.want {
					t.Errorf("Pinger returned after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// The end of ctx ends Pinger at once, also if it came before the call.
func TestPingerEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &pingWriter{start: time.Now()}
		time.AfterFunc(40*time.Second, cancel)
		ch03.Pinger(ctx, w, nil)
		if got := time.Since(w.start); got != 40*time.Second || len(w.log) != 1 {
			t.Errorf("Pinger ended after %v and %d pings, want 40s and 1", got, len(w.log))
		}
		w = &pingWriter{start: time.Now()}
		reset := make(chan time.Duration)
		close(reset)
		for range 10 { // select chooses at random
			ch03.Pinger(ctx, w, reset) // ctx is canceled, reset is closed
		}
		if got := time.Since(w.start); got != 0 || len(w.log) != 0 {
			t.Errorf("Pinger ended after %v and %d pings, want 0 and 0", got, len(w.log))
		}
	})
}

// A reset sent during a write is received right after it, and counts like any other.
func TestPingerResetDuringWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reset := make(chan time.Duration) // no buffer
		w := &pingWriter{takes: 7 * time.Second}
		time.AfterFunc(32*time.Second, func() { // the ping of 30 s is being written until 37 s
			sent := time.Now()
			reset <- 20 * time.Second
			if got := time.Since(sent); got != 5*time.Second {
				t.Errorf("the send took %v, want the 5s until the end of the write", got)
			}
			sent = time.Now()
			reset <- 0
			if got := time.Since(sent); got != 0 {
				t.Errorf("the send took %v without a write, want 0s", got)
			}
		})
		pingRun(t, w, reset)
		want := []string{"ping 30s", "ping 57s", "ping 1m24s", "ping 1m51s"}
		if !slices.Equal(w.log, want) {
			t.Errorf("pings: %v\nwant:  %v", w.log, want)
		}
	})
}

// After Pinger has returned nothing receives from reset, so a sender must not wait for that
// alone: see the doc comment.
func TestPingerSenderGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reset := make(chan time.Duration) // no buffer
		done := make(chan struct{})
		received := make(chan bool, 1)
		time.AfterFunc(32*time.Second, func() { // in the middle of the write
			select {
			case reset <- 0:
				received <- true
			case <-done:
				received <- false
			}
		})
		w := &pingWriter{start: time.Now(), fails: 1, takes: 7 * time.Second} // 30 s to 37 s
		ch03.Pinger(t.Context(), w, reset)
		if got := time.Since(w.start); got != 37*time.Second {
			t.Errorf("Pinger returned after %v, want 37s: it waits for no sender", got)
		}
		close(done)
		if <-received {
			t.Error("the reset was received, want none received: Pinger has returned")
		}
	})
}

// pingWriter records when it is written to.
type pingWriter struct {
	start time.Time
	takes time.Duration // a Write
	fails int           // number of the Write that fails, from 1; 0 means none
	short bool          // it fails by writing less and returning no error
	log   []string
}

func (w *pingWriter) Write(p []byte) (int, error) {
	w.log = append(w.log, fmt.Sprintf("%s %v", p, time.Since(w.start)))
	time.Sleep(w.takes)
	switch {
	case len(w.log) != w.fails:
		return len(p), nil
	case w.short:
		return len(p) - 1, nil
	}
	return 0, errors.New("broken pipe")
}

// pingRun runs a Pinger for 119 seconds.
func pingRun(t *testing.T, w *pingWriter, reset <-chan time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 119*time.Second)
	defer cancel()
	w.start = time.Now()
	ch03.Pinger(ctx, w, reset)
}
