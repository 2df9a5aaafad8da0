package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	histogramUnit    = 10 // a unit is 1<<10 ns, about a microsecond
	histogramSub     = 3  // 1<<3 buckets for each doubling: bounds 12.5 % apart at most
	histogramTop     = 26 // 1<<26 units, about 69 s: anything above is in the last bucket
	histogramBuckets = (histogramTop - histogramSub + 1) << histogramSub
)

// Histogram counts durations in buckets that grow with their bound: fine enough for any
// percentile, 1.5 KiB, and two atomic additions for each observation. A mean hides what
// slow requests feel like; percentiles need the distribution.
//
// The zero value is ready. All methods are safe for concurrent use. It must not be
// copied: take a Snapshot. The sum of all observations may be up to 292 years.
type Histogram struct {
	buckets [histogramBuckets]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// Observe counts d. It allocates nothing. A negative d counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	h.buckets[histogramBucket(d)].Add(1)
	h.sum.Add(int64(d))
}

// Snapshot returns the counts so far. An observation made meanwhile may be in the sum
// only, or in a bucket only.
func (h *Histogram) Snapshot() HistogramSnapshot {
	s := HistogramSnapshot{sum: h.sum.Load()}
	for i := range h.buckets {
		s.buckets[i] = h.buckets[i].Load()
	}
	return s
}

// HistogramSnapshot is a Histogram at one time: a value, to be copied and compared.
type HistogramSnapshot struct {
	buckets [histogramBuckets]uint64
	sum     int64
}

// Add adds the counts of other, so that routes add up to a service. Percentiles cannot be
// added or averaged; histograms can.
func (s *HistogramSnapshot) Add(other HistogramSnapshot) {
	for i, n := range other.buckets {
		s.buckets[i] += n
	}
	s.sum += other.sum
}

// Sub takes an earlier snapshot of the same histogram away. What is left happened since.
func (s *HistogramSnapshot) Sub(earlier HistogramSnapshot) {
	for i, n := range earlier.buckets {
		s.buckets[i] -= n
	}
	s.sum -= earlier.sum
}

// Count returns the number of observations.
func (s *HistogramSnapshot) Count() int64 {
	var n uint64
	for _, b := range s.buckets {
		n += b
	}
	return int64(n)
}

// Mean returns the average, or 0 without observations.
func (s *HistogramSnapshot) Mean() time.Duration {
	if n := s.Count(); n > 0 {
		return time.Duration(s.sum / n)
	}
	return 0
}

// Quantile returns a duration that the share q of the observations does not exceed: 0.5
// for the median, 0.99 for the 99th percentile. It is the upper bound of a bucket, so at
// most 12.5 % and 1.024 µs above the true value, for durations up to 69 s. q outside of
// 0 to 1 counts as its nearer end. Without observations it returns 0.
func (s *HistogramSnapshot) Quantile(q float64) time.Duration {
	n := s.Count()
	if n == 0 {
		return 0
	}
	q = min(max(q, 0), 1)
	rank := uint64(q * float64(n)) // nearest rank: the smallest with rank >= q*n
	if float64(rank) < q*float64(n) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, b := range s.buckets {
		if seen += b; seen >= rank {
			return histogramBound(i)
		}
	}
	return histogramBound(histogramBuckets - 1) // not reached: the buckets add up to n
}

// histogramBucket: below 1<<histogramSub units a bucket each; above, the position of the
// highest bit picks the group and the next histogramSub bits the bucket in it.
func histogramBucket(d time.Duration) int {
	units := uint64(d) >> histogramUnit
	shift := max(bits.Len64(units)-histogramSub-1, 0)
	return min(shift<<histogramSub+int(units>>shift), histogramBuckets-1)
}

// histogramBound returns the largest duration of bucket i.
func histogramBound(i int) time.Duration {
	shift := max(i>>histogramSub-1, 0)
	units := uint64(i-shift<<histogramSub+1) << shift
	return time.Duration(units<<histogramUnit - 1)
}
