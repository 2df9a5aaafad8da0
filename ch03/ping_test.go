package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

// pingWriter records when it is written to.
type pingWriter struct {
	start time.Time
	takes time.Duration // a Write
	fails int           // the Write that fails, counted from 1; 0 for none
	short bool          // it fails by writing less, against the rules of io.Writer
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
	return 0, errors.New("the peer is gone")
}

// pingRun runs a Pinger for 119 seconds and checks what it wrote and when.
func pingRun(t *testing.T, w *pingWriter, reset chan time.Duration,
	send func(), want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 119*time.Second)
	defer cancel()
	w.start = time.Now()
	var sender sync.WaitGroup
	if send != nil {
		sender.Go(send)
	}
	ch03.Pinger(ctx, w, reset)
	sender.Wait()
	if fmt.Sprint(w.log) != fmt.Sprint(want) {
		t.Errorf("pings: %v\nwant: %v", w.log, want)
	}
	t.Logf("%v, end after %v", w.log, time.Since(w.start))
}

func TestPingerIntervals(t *testing.T) {
	every30 := []string{"ping 30s", "ping 1m0s", "ping 1m30s"}
	const s = time.Second
	for _, tc := range []struct {
		name  string
		first []time.Duration // waiting in reset
		send  func(reset chan<- time.Duration)
		want  []string
	}{
		{name: "none given: 30 s", want: every30},
		{name: "the first waits in reset", first: []time.Duration{50 * s},
			want: []string{"ping 50s", "ping 1m40s"}},
		{name: "0 in the first place: 30 s", first: []time.Duration{0}, want: every30},
		{name: "the last of several counts", first: []time.Duration{s, 2 * s, 50 * s},
			want: []string{"ping 50s", "ping 1m40s"}},
		{name: "0 restarts with the same interval", first: []time.Duration{40 * s},
			send: func(reset chan<- time.Duration) {
				time.Sleep(25 * s)
				reset <- 0
			}, want: []string{"ping 1m5s", "ping 1m45s"}},
		{name: "below 0 as well", first: []time.Duration{40 * s},
			send: func(reset chan<- time.Duration) {
				time.Sleep(25 * s)
				reset <- -s
			}, want: []string{"ping 1m5s", "ping 1m45s"}},
		{name: "above 0 changes it", send: func(reset chan<- time.Duration) {
			time.Sleep(25 * s)
			reset <- 50 * s
		}, want: []string{"ping 1m15s"}},
		{name: "often enough: never a ping", send: func(reset chan<- time.Duration) {
			for range 4 {
				time.Sleep(29 * s)
				reset <- 0
			}
		}},
		{name: "closed: no more resets", send: func(reset chan<- time.Duration) {
			time.Sleep(10 * s)
			close(reset)
		}, want: every30},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reset := make(chan time.Duration, 10)
				for _, d := range tc.first {
					reset <- d
				}
				var send func()
				if tc.send != nil {
					send = func() { tc.send(reset) }
				}
				pingRun(t, new(pingWriter), reset, send, tc.want...)
			})
		})
	}
	t.Run("nil channel", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			pingRun(t, new(pingWriter), nil, nil, every30...)
		})
	})
}

// After a failed write Pinger returns at once, whatever its timer does.
func TestPingerEndsWithWriter(t *testing.T) {
	for name, w := range map[string]*pingWriter{
		"first write":  {fails: 1},
		"second write": {fails: 2},
		"short write":  {fails: 1, short: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w.start = time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				ch03.Pinger(ctx, w, nil) // the bubble would report a deadlock
				want := time.Duration(w.fails) * ch03.DefaultPingInterval
				if got := time.Since(w.start); got != want {
					t.Errorf("Pinger returned after %v, want %v", got, want)
				}
			})
		})
	}
}

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
			ch03.Pinger(ctx, w, reset) // both have ended before
		}
		if got := time.Since(w.start); got != 0 || len(w.log) != 0 {
			t.Errorf("Pinger ended after %v and %d pings, want 0 and 0", got, len(w.log))
		}
	})
}

// While a ping is written its sender waits, for that write and no longer; each reset
// counts, the ones sent during a write too.
func TestPingerResetDuringWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reset := make(chan time.Duration) // no buffer
		w := &pingWriter{takes: 7 * time.Second}
		pingRun(t, w, reset, func() {
			time.Sleep(32 * time.Second) // the ping of 30 s is being written until 37 s
			sent := time.Now()
			reset <- 20 * time.Second
			if got := time.Since(sent); got != 5*time.Second {
				t.Errorf("the send took %v, want the 5s that the write still took", got)
			}
			sent = time.Now()
			reset <- 0
			reset <- 0
			if got := time.Since(sent); got != 0 {
				t.Errorf("sends took %v with no write under way, want 0s", got)
			}
		}, "ping 30s", "ping 57s", "ping 1m24s", "ping 1m51s")
	})
}

// Senders that wait when Pinger ends are not left stuck: neither by a write that fails,
// nor when select finds both them and the end of ctx and takes the end.
func TestPingerEndReleasesSenders(t *testing.T) {
	for name, fails := range map[string]int{"write fails": 1, "ctx ends": 0} {
		t.Run(name, func(t *testing.T) {
			for range 10 { // select chooses at random
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
					defer cancel()
					reset := make(chan time.Duration) // no buffer
					gone := make(chan struct{})
					for range 3 {
						time.AfterFunc(32*time.Second, func() {
							select {
							case reset <- 0:
							case <-gone:
								t.Error("a send in the middle of a write was not received")
							}
						})
					}
					w := &pingWriter{fails: fails, takes: 7 * time.Second} // 30 s to 37 s
					ch03.Pinger(ctx, w, reset)
					synctest.Wait() // until the senders have gone on
					close(gone)
					synctest.Wait() // until those that have not say so
				})
			}
		})
	}
}

// Before Go 1.23 the tick that nobody had taken stayed in the channel through a Reset,
// and each use of a Timer had to drain it first.
func TestTimerResetNeedsNoDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer := time.NewTimer(time.Second)
		time.Sleep(2 * time.Second) // it has fired, and nobody has looked
		start := time.Now()
		timer.Reset(10 * time.Second)
		<-timer.C
		if got := time.Since(start); got != 10*time.Second {
			t.Errorf("the tick came after %v, want 10s: no old tick", got)
		}
	})
}
