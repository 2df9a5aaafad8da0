package ch09

import (
	"net/http"
	"time"
)

// Copy with: status_writer.go.

// Meter is what Measure reports to, such as the Metrics of ch09/metrics. A route is a
// pattern of http.ServeMux, or "" if none is known: never a path, which clients choose.
type Meter interface {
	// Begin is called when a request arrives.
	Begin(route string)
	// End is called when its handler is done. Arrived is the route that Begin had; the rest
	// is the Outcome of Observe.
	End(arrived, route string, status int, bytes int64, took time.Duration)
}

// Measure returns middleware that reports each request to m. Put it outermost, so that
// what other middleware refuses is counted.
//
// Outside of a mux, pass it: it is asked for the route of a request that arrives, so that
// requests in flight are known by route. If mux is nil, the route is known on arrival only
// inside of a mux, else when the handler is done.
func Measure(m Meter, mux *http.ServeMux) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pattern := r.Pattern
			if pattern == "" && mux != nil {
				_, pattern = mux.Handler(r)
			}
			arrived := routeOf(r.Method, pattern)
			m.Begin(arrived)
			Observe(next, w, r, func(o Outcome) {
				route := arrived
				if route == "" {
					route = o.Route // a mux inside has told
				}
				m.End(arrived, route, o.Status, o.Bytes, o.Duration)
			})
		})
	}
}
