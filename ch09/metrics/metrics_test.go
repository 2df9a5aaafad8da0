package metrics_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/metrics"
)

// metricsMux has routes with known durations: exact on a bubble's clock.
func metricsMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(100 * time.Millisecond)
		io.WriteString(w, "hello")
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable) // at once
	})
	mux.HandleFunc("/flaky", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "fail" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		time.Sleep(200 * time.Millisecond)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	return mux
}

func metricsGet(h http.Handler, url string) {
	defer func() { recover() }() // /panic: what the server would do
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", url, nil))
}

func metricsNear(d, want time.Duration) bool {
	return d >= want && d <= want+want/8+time.Microsecond
}

func TestMetricsGoldenSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := metricsMux()
		m := new(metrics.Metrics)
		h := ch09.Measure(m, mux)(mux)
		for i := range 10 {
			metricsGet(h, fmt.Sprint("/item/", i)) // ten paths, one route
		}
		for range 3 {
			metricsGet(h, "/fail")
		}
		metricsGet(h, "/panic")
		metricsGet(h, "/nowhere")
		metricsGet(h, "/nowhere/else")
		for _, tt := range []struct {
			route                          string
			ok, clientErrors, serverErrors int64
			bytes                          int64
		}{
			{"/fail", 0, 0, 3, 0},
			{"/panic", 0, 0, 1, 0},
			{"GET /item/{id}", 10, 0, 0, 50},
			{"other", 0, 2, 0, 38},
		} {
			found := false
			for _, r := range m.Snapshot() {
				if r.Route != tt.route {
					continue
				}
				found = true
				t.Logf("%-15s ok %d, client errors %d, server errors %d, %d bytes", r.Route,
					r.OK.Count(), r.ClientError.Count(), r.ServerError.Count(), r.Bytes)
				if r.OK.Count() != tt.ok || r.ClientError.Count() != tt.clientErrors ||
					r.ServerError.Count() != tt.serverErrors || r.Bytes != tt.bytes {
					t.Errorf("%s: want %d, %d, %d, %d bytes", r.Route, tt.ok, tt.clientErrors,
						tt.serverErrors, tt.bytes)
				}
				if p99 := r.OK.Quantile(0.99); tt.ok > 0 && !metricsNear(p99, 100*time.Millisecond) {
					t.Errorf("%s: p99 %v, want 100ms", r.Route, p99)
				}
			}
			if !found {
				t.Errorf("route %q is not measured", tt.route)
			}
		}
		if total := m.Total(); total.Requests() != 16 || total.InFlight != 0 || total.Bytes != 88 {
			t.Errorf("total: %d requests, %d in flight, %d bytes, want 16, 0, 88",
				total.Requests(), total.InFlight, total.Bytes)
		}
	})
}

// 9 of 10 requests fail at once. Mixed, the median says 0 s: fast, while nobody is served.
// Apart, it says that answers take 200 ms and how many errors there are.
func TestMetricsErrorLatencyApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(metrics.Metrics)
		h := ch09.Measure(m, nil)(metricsMux())
		for range 10 {
			metricsGet(h, "/flaky")
			for range 9 {
				metricsGet(h, "/flaky?fail")
			}
		}
		r := m.Total()
		mixed := r.OK
		mixed.Add(r.ServerError)
		t.Logf("p50: mixed %v, successes %v, errors %v",
			mixed.Quantile(0.5), r.OK.Quantile(0.5), r.ServerError.Quantile(0.5))
		if got := mixed.Quantile(0.5); got > 10*time.Microsecond {
			t.Errorf("mixed p50 = %v, want about 0", got)
		}
		if got := r.OK.Quantile(0.5); !metricsNear(got, 200*time.Millisecond) {
			t.Errorf("p50 of successes = %v, want 200ms", got)
		}
		if r.ServerError.Count() != 90 || r.OK.Count() != 10 {
			t.Errorf("%d errors, %d successes, want 90, 10", r.ServerError.Count(), r.OK.Count())
		}
	})
}

func TestMetricsInFlight(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wrap  func(*metrics.Metrics) http.Handler
		route string // under which a request in flight counts
	}{
		{"outside, mux known", func(m *metrics.Metrics) http.Handler {
			mux := metricsMux()
			return ch09.Measure(m, mux)(mux)
		}, "GET /item/{id}"},
		{"outside, mux unknown", func(m *metrics.Metrics) http.Handler {
			return ch09.Measure(m, nil)(metricsMux())
		}, metrics.OtherRoute},
		{"inside", func(m *metrics.Metrics) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /item/{id}", ch09.Measure(m, nil)(metricsMux()))
			return mux
		}, "GET /item/{id}"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := new(metrics.Metrics)
			h := tt.wrap(m)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { metricsGet(h, "/item/7") })
			}
			synctest.Wait() // all three sleep in their handlers
			r := m.Snapshot()[0]
			t.Logf("%s: %d in flight under %q", tt.name, r.InFlight, r.Route)
			if r.Route != tt.route || r.InFlight != 3 || r.Requests() != 0 {
				t.Errorf("%s: %d in flight under %q, want 3 under %q", tt.name, r.InFlight, r.Route, tt.route)
			}
			wg.Wait()
			total := m.Total()
			if total.InFlight != 0 || total.Requests() != 3 {
				t.Errorf("%s: afterwards %d in flight, %d answered", tt.name, total.InFlight, total.Requests())
			}
			for _, r := range m.Snapshot() { // once answered, the route is known in each case
				if r.Requests() == 3 != (r.Route == "GET /item/{id}") {
					t.Errorf("%s: %d answered under %q", tt.name, r.Requests(), r.Route)
				}
			}
		})
	}
}

func ExampleMetrics() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "an item")
	})
	m := new(metrics.Metrics)
	h := ch09.Measure(m, mux)(mux)
	for _, url := range []string{"/item/1", "/item/2", "/nowhere"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", url, nil))
	}
	for _, r := range m.Snapshot() {
		fmt.Println(r.Route, r.Requests(), "requests,", r.ClientError.Count(), "client errors")
	}
	// Output:
	// GET /item/{id} 2 requests, 0 client errors
	// other 1 requests, 1 client errors
}
