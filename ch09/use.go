package ch09

import (
	"encoding/json"
	"math"
	"runtime/metrics"
)

// USE tells how the process's own resources do, by the USE method: utilization (how much
// is in use), saturation (what has to wait) and errors. It is read from runtime/metrics,
// whose names are given with each field. What the machine does beside is not in it.
type USE struct {
	CPURunning  uint64  `json:"cpu_running"`  // utilization: /sched/goroutines/running:goroutines
	CPULimit    uint64  `json:"cpu_limit"`    // of: /sched/gomaxprocs:threads
	CPUWaiting  uint64  `json:"cpu_waiting"`  // saturation: /sched/goroutines/runnable:goroutines
	SchedP99    float64 `json:"sched_p99_s"`  // saturation: /sched/latencies:seconds, since the start
	Goroutines  uint64  `json:"goroutines"`   // utilization: /sched/goroutines:goroutines
	MutexWait   float64 `json:"mutex_wait_s"` // saturation: /sync/mutex/wait/total:seconds
	Memory      uint64  `json:"memory_bytes"` // utilization: /memory/classes/total:bytes, less what was given back
	MemoryLimit uint64  `json:"memory_limit"` // of: /gc/gomemlimit:bytes; math.MaxInt64 if unset
	GCCPU       float64 `json:"gc_cpu_s"`     // saturation of memory: /cpu/classes/gc/total:cpu-seconds
	LimitedGC   uint64  `json:"limited_gc"`   // errors of memory: /gc/limiter/last-enabled:gc-cycle
}

// ReadUSE reads the current values: tens of microseconds, no stop of the world. A name
// that the running Go release lacks leaves its field zero.
//
// LimitedGC is the last garbage collection cycle in which the runtime gave up keeping to
// the memory limit because collecting took half of the processor; 0 is good.
func ReadUSE() USE {
	var u USE
	var released uint64
	into := []struct {
		name string
		dst  any
	}{
		{"/sched/goroutines/running:goroutines", &u.CPURunning},
		{"/sched/gomaxprocs:threads", &u.CPULimit},
		{"/sched/goroutines/runnable:goroutines", &u.CPUWaiting},
		{"/sched/latencies:seconds", &u.SchedP99},
		{"/sched/goroutines:goroutines", &u.Goroutines},
		{"/sync/mutex/wait/total:seconds", &u.MutexWait},
		{"/memory/classes/total:bytes", &u.Memory},
		{"/memory/classes/heap/released:bytes", &released},
		{"/gc/gomemlimit:bytes", &u.MemoryLimit},
		{"/cpu/classes/gc/total:cpu-seconds", &u.GCCPU},
		{"/gc/limiter/last-enabled:gc-cycle", &u.LimitedGC},
	}
	samples := make([]metrics.Sample, len(into))
	for i := range into {
		samples[i].Name = into[i].name
	}
	metrics.Read(samples)
	for i, s := range samples {
		switch dst := into[i].dst.(type) {
		case *uint64:
			if s.Value.Kind() == metrics.KindUint64 {
				*dst = s.Value.Uint64()
			}
		case *float64:
			switch s.Value.Kind() {
			case metrics.KindFloat64:
				*dst = s.Value.Float64()
			case metrics.KindFloat64Histogram:
				*dst = histogramQuantile(s.Value.Float64Histogram(), 0.99)
			}
		}
	}
	u.Memory -= released
	return u
}

// String implements expvar.Var: a JSON object.
func (u USE) String() string {
	b, err := json.Marshal(u)
	if err != nil {
		return "{}" // not reached: every value is a finite number
	}
	return string(b)
}

// histogramQuantile returns the upper bound of the bucket that holds the quantile, or
// its lower bound if there is no upper one.
func histogramQuantile(h *metrics.Float64Histogram, q float64) float64 {
	var total, seen uint64
	for _, n := range h.Counts {
		total += n
	}
	for i, n := range h.Counts {
		if seen += n; total > 0 && float64(seen) >= q*float64(total) {
			if math.IsInf(h.Buckets[i+1], 1) {
				return h.Buckets[i]
			}
			return h.Buckets[i+1]
		}
	}
	return 0
}
