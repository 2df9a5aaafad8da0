package ch09

import (
	"net/http"
	"slices"
	"strings"
)

// AllowMethods returns middleware that lets the named methods through and answers 405
// with Allow (RFC 9110, section 15.5.6) to the rest, whose requests never reach the next
// handler. GET brings HEAD (section 9.1 wants both). Names are case-sensitive.
//
// Use it around a whole service to refuse what none of its handlers should see: TRACE,
// which echoes cookies back (section 9.3.8), or CONNECT. Per route, [http.ServeMux]
// patterns with methods do the same. The request "OPTIONS *" is answered by net/http
// itself unless http.Server's DisableGeneralOptionsHandler is set.
func AllowMethods(methods ...string) func(http.Handler) http.Handler {
	allowed := slices.Clone(methods)
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	allowed = slices.Compact(allowed)
	header := strings.Join(allowed, ", ")

	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.Contains(allowed, r.Method) {
				w.Header().Set("Allow", header)
				http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
				return // without it the client reads 405 and the handler runs all the same
			}
			next.ServeHTTP(w, r)
		})
	}
}
