package metrics

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Copy with: histogram.go.

// maxRoutes bounds the labels: a route beyond it counts as OtherRoute.
const maxRoutes = 100

// OtherRoute is the label of requests that no pattern matched.
const OtherRoute = "other"

// Metrics measures requests by route: rate, errors and duration (the RED method), which
// with the requests in flight are the four golden signals of a service. The zero value
// is ready and safe for concurrent use. Nothing is registered globally: a Metrics is an
// expvar.Var, for expvar.Publish or a map of your own.
//
// A route is a pattern of http.ServeMux, such as "GET /item/{id}", or "" for OtherRoute.
// It must never be a path: clients choose paths, and labels made of them grow without end.
// Each route costs about 5 KiB.
type Metrics struct {
	mu     sync.Mutex
	routes map[string]*route // guarded by mu; the values count by themselves
}

type route struct {
	inFlight, switched, bytes    atomic.Int64
	ok, clientError, serverError Histogram
}

// Begin counts a request that has arrived as in flight.
func (m *Metrics) Begin(route string) {
	m.route(route).inFlight.Add(1)
}

// End counts a request whose handler is done: arrived is the route that Begin had, which
// may know less than route. Took counts as latency of successes, of the client's errors
// (4xx) or of the service's (5xx). After a switch of protocols (101) it does not count.
func (m *Metrics) End(arrived, route string, status int, bytes int64, took time.Duration) {
	m.route(arrived).inFlight.Add(-1)
	r := m.route(route)
	r.bytes.Add(bytes)
	// Apart, because an error is often faster than a success: mixed, a service that fails
	// at once would look fast, or slow timeouts would hide that the rest is fast.
	switch {
	case status == 101:
		r.switched.Add(1)
	case status >= 500:
		r.serverError.Observe(took)
	case status >= 400:
		r.clientError.Observe(took)
	default:
		r.ok.Observe(took)
	}
}

// route finds or adds the counters of a label.
func (m *Metrics) route(label string) *route {
	m.mu.Lock()
	defer m.mu.Unlock()
	if label == "" || m.routes[label] == nil && len(m.routes) >= maxRoutes {
		label = OtherRoute
	}
	if m.routes == nil {
		m.routes = make(map[string]*route)
	}
	if m.routes[label] == nil {
		m.routes[label] = new(route)
	}
	return m.routes[label]
}

// RouteMetrics are the counts of one route since the start, or of all.
type RouteMetrics struct {
	Route       string
	InFlight    int64             // requests that are being served
	Switched    int64             // connections that went on in another protocol
	Bytes       int64             // content sent
	OK          HistogramSnapshot // durations of responses with a status below 400
	ClientError HistogramSnapshot // 400 to 499: the client's mistakes
	ServerError HistogramSnapshot // 500 and above, and panics: the service's own
}

// Snapshot returns the routes seen so far, sorted by name.
func (m *Metrics) Snapshot() []RouteMetrics {
	m.mu.Lock()
	routes := maps.Clone(m.routes) // requests must not wait for what follows
	m.mu.Unlock()
	var all []RouteMetrics
	for label, r := range routes {
		all = append(all, RouteMetrics{label, r.inFlight.Load(), r.switched.Load(), r.bytes.Load(),
			r.ok.Snapshot(), r.clientError.Snapshot(), r.serverError.Snapshot()})
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
		total.Switched += r.Switched
		total.Bytes += r.Bytes
		total.OK.Add(r.OK)
		total.ClientError.Add(r.ClientError)
		total.ServerError.Add(r.ServerError)
	}
	return total
}

// Sub takes earlier counts away. What is left happened since; InFlight stays as it is.
func (r *RouteMetrics) Sub(earlier RouteMetrics) {
	r.Switched -= earlier.Switched
	r.Bytes -= earlier.Bytes
	r.OK.Sub(earlier.OK)
	r.ClientError.Sub(earlier.ClientError)
	r.ServerError.Sub(earlier.ServerError)
}

// Requests returns the number of requests that were answered.
func (r *RouteMetrics) Requests() int64 {
	return r.OK.Count() + r.ClientError.Count() + r.ServerError.Count() + r.Switched
}

// String implements expvar.Var: a JSON object with an object for each route.
func (m *Metrics) String() string {
	routes := map[string]any{}
	for _, r := range m.Snapshot() {
		routes[r.Route] = map[string]any{
			"requests": r.Requests(), "in_flight": r.InFlight, "switched_protocols": r.Switched,
			"client_errors": r.ClientError.Count(), "server_errors": r.ServerError.Count(),
			"response_bytes": r.Bytes, "latency_ok": latency(r.OK),
			"latency_client_error": latency(r.ClientError), "latency_server_error": latency(r.ServerError),
		}
	}
	b, err := json.Marshal(routes) // sorts by key
	if err != nil {
		return "{}" // not reached: strings and finite numbers always marshal
	}
	return string(b)
}

func latency(s HistogramSnapshot) map[string]any {
	return map[string]any{"count": s.Count(), "mean_seconds": s.Mean().Seconds(),
		"p50_seconds": s.Quantile(0.5).Seconds(), "p90_seconds": s.Quantile(0.9).Seconds(),
		"p99_seconds": s.Quantile(0.99).Seconds()}
}
