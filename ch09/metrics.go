package ch09

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Copy with: histogram.go, status_writer.go.

// maxMetricsRoutes bounds the labels: a route beyond it counts as OtherRoute.
const maxMetricsRoutes = 100

// OtherRoute is the label of requests that no pattern matched.
const OtherRoute = "other"

// Metrics measures requests by route: rate, errors and duration (the RED method), which
// with the requests in flight are the four golden signals of a service. The zero value
// is ready, all methods are safe for concurrent use, and nothing is registered globally;
// a Metrics is an expvar.Var, for expvar.Publish or a map of one's own.
//
// The label is the pattern of http.ServeMux that matched, such as "GET /item/{id}", never
// the path: paths are the client's choice, and labels made of them grow without end. So a
// CONNECT counts under OtherRoute unless a pattern names that method: where ServeMux
// redirects one, it gives the path for the pattern.
// Each route costs about 5 KiB and each request five atomic additions.
type Metrics struct {
	// Mux, if set before use, is asked for a request's route when it arrives, so that
	// requests in flight are known by route. Without it, middleware outside of the mux
	// counts those under OtherRoute until they are answered; inside, all is known.
	Mux *http.ServeMux

	mu     sync.Mutex                               // held to add a route
	routes atomic.Pointer[map[string]*metricsRoute] // never changed: replaced by a copy
}

type metricsRoute struct {
	inFlight, bytes              atomic.Int64
	ok, clientError, serverError Histogram
}

// Middleware measures the requests that pass to next. Put it outermost, so that what
// other middleware refuses is counted. A handler that panics counts as a server error,
// and its panic goes on.
func (m *Metrics) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		label := r.Pattern
		if label == "" && m.Mux != nil {
			_, label = m.Mux.Handler(r)
		}
		label = metricsLabel(r.Method, label)
		arrived := m.route(label)
		arrived.inFlight.Add(1)
		sw := NewStatusWriter(w)
		returned := false
		defer func() {
			arrived.inFlight.Add(-1)
			route := arrived
			if label == "" && r.Pattern != "" { // the mux was inside and has told
				route = m.route(metricsLabel(r.Method, r.Pattern))
			}
			route.bytes.Add(sw.Bytes())
			// Apart, because an error is often quicker than an answer: a service that
			// fails at once would look fast, or slow timeouts hide that the rest is fast.
			latency := &route.ok
			switch status := sw.Status(); {
			case !returned || status >= 500:
				latency = &route.serverError
			case status >= 400:
				latency = &route.clientError
			}
			latency.Observe(time.Since(start))
		}()
		next.ServeHTTP(sw, r)
		returned = true
	})
}

// metricsLabel is the pattern, or "" where it may be a client's path.
func metricsLabel(method, pattern string) string {
	if method == http.MethodConnect && !strings.HasPrefix(pattern, "CONNECT ") {
		return ""
	}
	return pattern
}

// route finds or adds the counters of a label. Finding takes no lock.
func (m *Metrics) route(label string) *metricsRoute {
	if label == "" {
		label = OtherRoute
	}
	if r := m.known(label); r != nil {
		return r
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.known(label); r != nil { // added while this one waited
		return r
	}
	routes := map[string]*metricsRoute{}
	if old := m.routes.Load(); old != nil {
		routes = maps.Clone(*old)
	}
	r := &metricsRoute{}
	if len(routes) >= maxMetricsRoutes { // and OtherRoute is not among them, see known
		label = OtherRoute
	}
	routes[label] = r
	m.routes.Store(&routes)
	return r
}

// known returns the counters of a label, or of OtherRoute in its place if there are
// routes enough; nil if they are yet to be added.
func (m *Metrics) known(label string) *metricsRoute {
	routes := m.routes.Load()
	if routes == nil {
		return nil
	}
	r := (*routes)[label]
	if r == nil && len(*routes) >= maxMetricsRoutes {
		r = (*routes)[OtherRoute]
	}
	return r
}

// RouteMetrics are the counts of one route since the start, or of all. The Count of each
// histogram is a number of answers: traffic and errors.
type RouteMetrics struct {
	Route       string
	InFlight    int64             // requests that are being served
	Bytes       int64             // content written
	OK          HistogramSnapshot // durations of answers with a status below 400
	ClientError HistogramSnapshot // 400 to 499: the client's mistakes
	ServerError HistogramSnapshot // 500 and above, and panics: the service's own
}

// Snapshot returns the routes seen so far, sorted by name.
func (m *Metrics) Snapshot() []RouteMetrics {
	var all []RouteMetrics
	if routes := m.routes.Load(); routes != nil {
		for label, r := range *routes {
			all = append(all, RouteMetrics{label, r.inFlight.Load(), r.bytes.Load(),
				r.ok.Snapshot(), r.clientError.Snapshot(), r.serverError.Snapshot()})
		}
	}
	slices.SortFunc(all, func(a, b RouteMetrics) int {
		return strings.Compare(a.Route, b.Route)
	})
	return all
}

// Total adds all routes up; its Route is empty.
func (m *Metrics) Total() RouteMetrics {
	var total RouteMetrics
	for _, r := range m.Snapshot() {
		total.InFlight += r.InFlight
		total.Bytes += r.Bytes
		total.OK.Add(r.OK)
		total.ClientError.Add(r.ClientError)
		total.ServerError.Add(r.ServerError)
	}
	return total
}

// Requests returns the number of requests answered.
func (r *RouteMetrics) Requests() int64 {
	return r.OK.Count() + r.ClientError.Count() + r.ServerError.Count()
}

// String implements expvar.Var: a JSON object with an object for each route.
func (m *Metrics) String() string {
	type latency struct {
		Count int64   `json:"count"`
		Mean  float64 `json:"mean_seconds"`
		P50   float64 `json:"p50_seconds"`
		P90   float64 `json:"p90_seconds"`
		P99   float64 `json:"p99_seconds"`
	}
	of := func(s HistogramSnapshot) latency {
		return latency{s.Count(), s.Mean().Seconds(), s.Quantile(0.5).Seconds(),
			s.Quantile(0.9).Seconds(), s.Quantile(0.99).Seconds()}
	}
	type route struct {
		Requests     int64   `json:"requests"`
		InFlight     int64   `json:"in_flight"`
		ClientErrors int64   `json:"client_errors"`
		ServerErrors int64   `json:"server_errors"`
		Bytes        int64   `json:"response_bytes"`
		OK           latency `json:"latency_ok"`
		ClientError  latency `json:"latency_client_error"`
		ServerError  latency `json:"latency_server_error"`
	}
	routes := map[string]route{}
	for _, r := range m.Snapshot() {
		routes[r.Route] = route{r.Requests(), r.InFlight, r.ClientError.Count(),
			r.ServerError.Count(), r.Bytes, of(r.OK), of(r.ClientError), of(r.ServerError)}
	}
	b, err := json.Marshal(routes) // sorts by key
	if err != nil {
		return "{}" // not reached: strings and finite numbers always marshal
	}
	return string(b)
}
