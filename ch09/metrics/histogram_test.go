package metrics_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"network-programming-with-go/ch09/metrics"
)

// 98 quick requests and 2 that take 2 s: the mean says that all is well and describes no
// request at all. The median is what most get, the 99th percentile what the rest get.
func TestHistogramPercentilesNotAverages(t *testing.T) {
	var h metrics.Histogram
	for range 98 {
		h.Observe(10 * time.Millisecond)
	}
	h.Observe(2 * time.Second)
	h.Observe(2 * time.Second)
	s := h.Snapshot()
	t.Logf("98 times 10ms and twice 2s: mean %v, p50 %v, p99 %v",
		s.Mean(), s.Quantile(0.5), s.Quantile(0.99))
	if got, want := s.Mean(), (98*10*time.Millisecond+4*time.Second)/100; got != want {
		t.Errorf("mean = %v, want %v", got, want)
	}
	if got := s.Quantile(0.5); got < 10*time.Millisecond || got > 12*time.Millisecond {
		t.Errorf("p50 = %v, want about 10ms", got)
	}
	if got := s.Quantile(0.99); got < 2*time.Second || got > 2300*time.Millisecond {
		t.Errorf("p99 = %v, want about 2s", got)
	}
}

// Nor do percentiles average: the p99 of two routes is not the middle of their p99s.
func TestHistogramAdds(t *testing.T) {
	var busy, rare metrics.Histogram
	for range 9_990 {
		busy.Observe(time.Millisecond)
	}
	for range 10 {
		rare.Observe(time.Second)
	}
	a, b := busy.Snapshot(), rare.Snapshot()
	average := (a.Quantile(0.99) + b.Quantile(0.99)) / 2
	all := a
	all.Add(b)
	t.Logf("p99 of all: %v, average of both p99s: %v", all.Quantile(0.99), average)
	if got := all.Quantile(0.99); got > 2*time.Millisecond || average < 400*time.Millisecond {
		t.Errorf("p99 of all = %v, average of p99s = %v, want about 1ms and 500ms", got, average)
	}
	all.Sub(a)
	if all != b {
		t.Error("Add and then Sub do not give the snapshot back")
	}
	if got := all.Count(); got != 10 {
		t.Errorf("Count = %d, want 10", got)
	}
}

func TestHistogramQuantileError(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var h metrics.Histogram
	durations := make([]time.Duration, 2000)
	for i := range durations {
		// From 100 ns to 60 s, evenly over the magnitudes.
		durations[i] = time.Duration(100 * math.Pow(6e8, rnd.Float64()))
		h.Observe(durations[i])
	}
	slices.Sort(durations)
	s := h.Snapshot()
	for _, q := range []float64{0, 0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
		want := durations[max(int(math.Ceil(q*float64(len(durations))))-1, 0)]
		got := s.Quantile(q)
		t.Logf("p%-5v %14v, exactly %14v", q*100, got, want)
		if got < want || got > want+want/8+2*time.Microsecond {
			t.Errorf("Quantile(%v) = %v, want at least %v and at most 12.5%% more", q, got, want)
		}
	}
}

func TestHistogramEdges(t *testing.T) {
	for _, tt := range []struct {
		observe []time.Duration
		q       float64
		want    time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{-time.Second}, 0.5, 1<<10 - 1},
		{[]time.Duration{0}, 1, 1<<10 - 1},
		{[]time.Duration{1<<10 - 1, 1 << 10}, 0, 1<<10 - 1},
		{[]time.Duration{1<<10 - 1, 1 << 10}, 1, 2<<10 - 1},
		{[]time.Duration{time.Hour}, 0.5, 1<<36 - 1}, // above the range: the last bucket
		{[]time.Duration{math.MaxInt64}, 7, 1<<36 - 1},
	} {
		var h metrics.Histogram
		for _, d := range tt.observe {
			h.Observe(d)
		}
		s := h.Snapshot()
		if got := s.Quantile(tt.q); got != tt.want {
			t.Errorf("%v: Quantile(%v) = %v, want %v", tt.observe, tt.q, got, tt.want)
		}
	}
}

func TestHistogramConcurrent(t *testing.T) {
	var h metrics.Histogram
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				h.Observe(time.Duration(i) * time.Microsecond)
			}
			h.Snapshot()
		})
	}
	wg.Wait()
	s := h.Snapshot()
	if got := s.Count(); got != 8000 {
		t.Errorf("Count = %d, want 8000", got)
	}
	if n := testing.AllocsPerRun(100, func() { h.Observe(time.Second) }); n != 0 {
		t.Errorf("Observe allocates %v objects, want 0", n)
	}
}

func ExampleHistogram() {
	var h metrics.Histogram
	for i := range 100 {
		h.Observe(time.Duration(i+1) * time.Millisecond)
	}
	s := h.Snapshot()
	fmt.Println(s.Count(), s.Mean(), s.Quantile(0.99).Round(10*time.Millisecond))
	// Output: 100 50.5ms 100ms
}

// The naive way keeps every duration and sorts them: exact, but it grows without end.
func BenchmarkHistogram(b *testing.B) {
	b.Run("buckets", func(b *testing.B) {
		var h metrics.Histogram
		b.ReportAllocs()
		for b.Loop() {
			h.Observe(time.Millisecond)
		}
	})
	b.Run("mutex and slice", func(b *testing.B) {
		var mu sync.Mutex
		var all []time.Duration
		b.ReportAllocs()
		for b.Loop() {
			mu.Lock()
			all = append(all, time.Millisecond)
			mu.Unlock()
		}
		b.ReportMetric(float64(len(all)*8), "bytes-held")
	})
}
