package metrics_test

import (
	"encoding/json"
	"expvar"
	"math"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"

	"network-programming-with-go/ch09/metrics"
)

func TestResources(t *testing.T) {
	u := metrics.ReadResources()
	text := expvar.Func(func() any { return u }).String()
	t.Logf("%s", text)
	if u.CPULimit != uint64(runtime.GOMAXPROCS(0)) {
		t.Errorf("CPULimit = %d, want GOMAXPROCS %d", u.CPULimit, runtime.GOMAXPROCS(0))
	}
	if u.CPURunning == 0 || u.Goroutines == 0 || u.Memory == 0 {
		t.Errorf("a running test uses no CPU, goroutine or memory: %+v", u)
	}
	if u.SchedP99 < 0 || math.IsInf(u.SchedP99, 0) || math.IsNaN(u.SchedP99) {
		t.Errorf("SchedP99 = %v", u.SchedP99)
	}
	var vars map[string]float64
	if err := json.Unmarshal([]byte(text), &vars); err != nil || vars["goroutines"] == 0 {
		t.Errorf("as a variable: %s, %v", text, err)
	}
}

// The 99th percentile of the runtime's own histogram: the end of the bucket in which it is.
func TestResourcesSchedP99(t *testing.T) {
	read := func() float64 {
		sample := []runtimemetrics.Sample{{Name: "/sched/latencies:seconds"}}
		runtimemetrics.Read(sample)
		h := sample[0].Value.Float64Histogram()
		var total, slower uint64
		for _, n := range h.Counts {
			total += n
		}
		i := len(h.Counts) - 1
		for ; i > 0 && float64(total-slower-h.Counts[i]) >= 0.99*float64(total); i-- {
			slower += h.Counts[i] // 99 % are still below this bucket
		}
		return h.Buckets[i+1]
	}
	for range 100 {
		before, got, after := read(), metrics.ReadResources().SchedP99, read()
		if before == after { // nothing moved in between
			t.Logf("99 %% of the goroutines waited at most %v s", got)
			if got != before {
				t.Errorf("SchedP99 = %v, want %v", got, before)
			}
			return
		}
	}
	t.Skip("the scheduler's latencies move too fast to compare")
}

func TestResourcesNamesExist(t *testing.T) {
	known := map[string]bool{}
	for _, d := range runtimemetrics.All() {
		known[d.Name] = true
	}
	for _, name := range []string{
		"/sched/goroutines/running:goroutines", "/sched/gomaxprocs:threads",
		"/sched/goroutines/runnable:goroutines", "/sched/latencies:seconds",
		"/sched/goroutines:goroutines", "/sync/mutex/wait/total:seconds",
		"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes",
		"/gc/gomemlimit:bytes", "/cpu/classes/gc/total:cpu-seconds",
		"/gc/limiter/last-enabled:gc-cycle",
	} {
		if !known[name] {
			t.Errorf("%s does not measure %s", runtime.Version(), name)
		}
	}
}

func TestResourcesUtilizationAndSaturation(t *testing.T) {
	// Memory: what is allocated shows up at once, if no freed memory is at hand.
	debug.FreeOSMemory()
	before := metrics.ReadResources()
	block := make([]byte, 64<<20)
	after := metrics.ReadResources()
	t.Logf("memory: %d MiB, with 64 MiB more %d MiB", before.Memory>>20, after.Memory>>20)
	if after.Memory < before.Memory+32<<20 {
		t.Errorf("memory grew by %d bytes, want about %d", after.Memory-before.Memory, len(block))
	}
	runtime.KeepAlive(block)

	// Memory's limit is what utilization is measured against.
	old := debug.SetMemoryLimit(1 << 40)
	defer debug.SetMemoryLimit(old)
	if got := metrics.ReadResources().MemoryLimit; got != 1<<40 {
		t.Errorf("MemoryLimit = %d, want 1 TiB", got)
	}

	// CPU: with one processor and many goroutines that want it, some must wait.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const spinners = 10
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range spinners {
		wg.Go(func() {
			for !stop.Load() {
			}
		})
	}
	u := metrics.ReadResources()
	stop.Store(true)
	wg.Wait()
	t.Logf("%d goroutines want %d processor: %d run, %d wait",
		spinners, u.CPULimit, u.CPURunning, u.CPUWaiting)
	if u.CPULimit != 1 || u.CPUWaiting < spinners/2 {
		t.Errorf("%d processors, %d waiting, want 1 and about %d", u.CPULimit, u.CPUWaiting, spinners)
	}
}

func TestResourcesGCAndLocks(t *testing.T) {
	before := metrics.ReadResources()
	runtime.GC()
	runtime.GC() // the counts of one cycle show after it
	if after := metrics.ReadResources(); after.GCCPU <= before.GCCPU {
		t.Errorf("GC took %v s, then %v s, want more after two collections",
			before.GCCPU, after.GCCPU)
	}

	// A lock that many wait for. The runtime watches one goroutine in eight.
	var mu sync.Mutex
	var started, done sync.WaitGroup
	mu.Lock()
	for range 400 {
		started.Add(1)
		done.Go(func() {
			started.Done()
			mu.Lock()
			defer mu.Unlock()
		})
	}
	started.Wait()
	runtime.Gosched()
	mu.Unlock()
	done.Wait()
	after := metrics.ReadResources()
	t.Logf("waited for locks: %v s, with 400 goroutines more %v s", before.MutexWait, after.MutexWait)
	if after.MutexWait <= before.MutexWait {
		t.Errorf("MutexWait = %v, then %v, want more", before.MutexWait, after.MutexWait)
	}
}

func BenchmarkReadResources(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		metrics.ReadResources()
	}
}
