package metrics

import (
	"math"
	"runtime/metrics"
)

// Resources are the process's own resources by the USE method: utilization (how much is
// in use), saturation (what has to wait) and errors. ReadResources has the names that they
// have in runtime/metrics. Other processes of the machine are not in them. For expvar use
// expvar.Func, which reads them each time.
type Resources struct {
	// Processors. Utilization: goroutines that run, of so many at a time. Saturation:
	// goroutines that wait to run, and the 99th percentile of such waits since the start.
	CPURunning uint64  `json:"cpu_running"`
	CPULimit   uint64  `json:"cpu_limit"`
	CPUWaiting uint64  `json:"cpu_waiting"`
	SchedP99   float64 `json:"sched_p99_seconds"`

	// Memory. Utilization: all of it, less what went back to the system, of the limit
	// (math.MaxInt64 if there is none). Saturation: processor time of the collector.
	// Errors: the last collection that gave up keeping to the limit because it took half
	// of the processor; 0 is good.
	Memory      uint64  `json:"memory_bytes"`
	MemoryLimit uint64  `json:"memory_limit_bytes"`
	GCCPU       float64 `json:"gc_cpu_seconds"`
	LimitedGC   uint64  `json:"limited_gc_cycle"`

	// Goroutines and locks. Saturation: the time that goroutines waited for locks.
	Goroutines uint64  `json:"goroutines"`
	MutexWait  float64 `json:"mutex_wait_seconds"`
}

// ReadResources reads the current values: tens of microseconds, no stop of the world. A name
// that the running Go release lacks leaves its field zero.
func ReadResources() Resources {
	var r Resources
	var released uint64
	into := []struct {
		name string
		dst  any
	}{
		{"/sched/goroutines/running:goroutines", &r.CPURunning},
		{"/sched/gomaxprocs:threads", &r.CPULimit},
		{"/sched/goroutines/runnable:goroutines", &r.CPUWaiting},
		{"/sched/latencies:seconds", &r.SchedP99},
		{"/sched/goroutines:goroutines", &r.Goroutines},
		{"/sync/mutex/wait/total:seconds", &r.MutexWait},
		{"/memory/classes/total:bytes", &r.Memory},
		{"/memory/classes/heap/released:bytes", &released},
		{"/gc/gomemlimit:bytes", &r.MemoryLimit},
		{"/cpu/classes/gc/total:cpu-seconds", &r.GCCPU},
		{"/gc/limiter/last-enabled:gc-cycle", &r.LimitedGC},
	}
	samples := make([]metrics.Sample, len(into))
	for i := range into {
		samples[i].Name = into[i].name
	}
	metrics.Read(samples)
	for i, s := range samples {
		switch v := s.Value; v.Kind() { // KindBad if this release has no such name
		case metrics.KindUint64:
			*into[i].dst.(*uint64) = v.Uint64()
		case metrics.KindFloat64:
			*into[i].dst.(*float64) = v.Float64()
		case metrics.KindFloat64Histogram:
			*into[i].dst.(*float64) = histogramQuantile(v.Float64Histogram(), 0.99)
		}
	}
	r.Memory -= released
	return r
}

// histogramQuantile returns the upper bound of the bucket that holds the quantile, or
// its lower bound if the bucket has no upper bound.
func histogramQuantile(h *metrics.Float64Histogram, q float64) float64 {
	var total, seen uint64
	for _, n := range h.Counts {
		total += n
	}
	for i, n := range h.Counts {
		if seen += n; total > 0 && float64(seen) >= q*float64(total) {
			bound := h.Buckets[i+1]
			if math.IsInf(bound, 1) {
				bound = h.Buckets[i]
			}
			return bound
		}
	}
	return 0
}
