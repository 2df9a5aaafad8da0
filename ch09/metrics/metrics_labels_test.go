package metrics_test

import (
	"encoding/json"
	"expvar"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/metrics"
)

var _ expvar.Var = (*metrics.Metrics)(nil)

func labelsMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	return mux
}

func labelsGet(h http.Handler, url string) {
	defer func() { recover() }() // /panic: what the server would do
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", url, nil))
}

// What each status counts as, and that a connection which goes on in another protocol has
// no latency: it may be open for hours.
func TestMetricsOutcomes(t *testing.T) {
	for _, tt := range []struct {
		status                                   int
		ok, clientErrors, serverErrors, switched int64
	}{
		{200, 1, 0, 0, 0}, {399, 1, 0, 0, 0}, {304, 1, 0, 0, 0},
		{400, 0, 1, 0, 0}, {499, 0, 1, 0, 0},
		{500, 0, 0, 1, 0}, {599, 0, 0, 1, 0}, {600, 0, 0, 1, 0},
		{101, 0, 0, 0, 1},
	} {
		m := new(metrics.Metrics)
		m.Begin("")
		m.End("", "GET /x", tt.status, 7, time.Hour)
		r := m.Total()
		if r.OK.Count() != tt.ok || r.ClientError.Count() != tt.clientErrors ||
			r.ServerError.Count() != tt.serverErrors || r.Switched != tt.switched {
			t.Errorf("%d: %d, %d, %d, %d, want %d, %d, %d, %d", tt.status, r.OK.Count(), r.ClientError.Count(),
				r.ServerError.Count(), r.Switched, tt.ok, tt.clientErrors, tt.serverErrors, tt.switched)
		}
		if r.Requests() != 1 || r.InFlight != 0 || r.Bytes != 7 {
			t.Errorf("%d: %d requests, %d in flight, %d bytes, want 1, 0, 7", tt.status, r.Requests(), r.InFlight, r.Bytes)
		}
		r.Sub(m.Total())
		if r.Requests() != 0 || r.Bytes != 0 {
			t.Errorf("%d: %d requests, %d bytes left after Sub, want none", tt.status, r.Requests(), r.Bytes)
		}
	}
}

func TestMetricsBoundedLabels(t *testing.T) {
	m := new(metrics.Metrics)
	h := ch09.Measure(m, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Pattern = r.URL.Path // a router that lets clients choose the label
	}))
	for i := range 300 {
		labelsGet(h, fmt.Sprint("/", i))
	}
	t.Logf("300 labels by %d routes", len(m.Snapshot()))
	if n := len(m.Snapshot()); n != 100 {
		t.Errorf("%d routes kept, want 100 with %q", n, metrics.OtherRoute)
	}
	if total := m.Total(); total.Requests() != 300 {
		t.Errorf("%d requests counted, want 300", total.Requests())
	}
	w := httptest.NewRecorder()
	n := testing.AllocsPerRun(10, func() {
		h.ServeHTTP(w, &http.Request{URL: &url.URL{Path: "/one too many"}})
	})
	if n > 5 { // the request itself, and the writer
		t.Errorf("a label beyond the bound costs %v objects: are all routes copied for it?", n)
	}
}

// ServeMux redirects CONNECT /item/1 to /item/1/, with that path for a pattern.
func TestMetricsConnect(t *testing.T) {
	for _, known := range []bool{false, true} {
		mux := http.NewServeMux()
		ok := func(http.ResponseWriter, *http.Request) {}
		mux.HandleFunc("/item/{id}/", ok)
		mux.HandleFunc("CONNECT /tunnel", ok)
		mux.HandleFunc("GET /pay", ok)
		m := new(metrics.Metrics)
		h := ch09.Measure(m, nil)(mux)
		if known {
			h = ch09.Measure(m, mux)(mux)
		}
		for i := range 200 {
			r := httptest.NewRequest("CONNECT", fmt.Sprint("/item/", i), nil)
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("CONNECT", "/tunnel", nil))
		labelsGet(h, "/pay")
		var routes []string
		for _, r := range m.Snapshot() {
			routes = append(routes, r.Route)
		}
		if got := fmt.Sprint(routes); got != "[CONNECT /tunnel GET /pay other]" {
			t.Errorf("mux known %t: routes %.100s, want CONNECT /tunnel, GET /pay and other", known, got)
		}
	}
}

func TestMetricsConcurrent(t *testing.T) {
	mux := labelsMux()
	m := new(metrics.Metrics)
	h := ch09.Measure(m, mux)(mux)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				labelsGet(h, "/fail")
				labelsGet(h, "/nowhere")
				labelsGet(h, "/panic")
			}
			if !json.Valid([]byte(m.String())) {
				t.Error("String is not JSON")
			}
		})
	}
	wg.Wait()
	if total := m.Total(); total.Requests() != 1200 || total.InFlight != 0 {
		t.Errorf("%d requests, %d in flight, want 1200, 0", total.Requests(), total.InFlight)
	}
}

func TestMetricsVar(t *testing.T) {
	mux := labelsMux()
	m := new(metrics.Metrics)
	if got := m.String(); got != "{}" {
		t.Errorf("before any request: %s, want {}", got)
	}
	labelsGet(ch09.Measure(m, mux)(mux), "/fail")
	var vars map[string]map[string]any
	if err := json.Unmarshal([]byte(m.String()), &vars); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", m)
	if got := vars["/fail"]["server_errors"]; got != 1. {
		t.Errorf("server_errors = %v, want 1", got)
	}
	if expvar.Get("http") != nil {
		t.Error("something was published globally")
	}
}
