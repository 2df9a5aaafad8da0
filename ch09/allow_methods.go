package ch09

import (
	"net/http"
	"slices"
	"strings"
)

// AllowMethods returns middleware that passes requests with the named methods on, and
// answers all others 405 with Allow (RFC 9110, section 15.5.6). GET includes HEAD
// (section 9.1 wants both). Names are case-sensitive.
//
// Use it around a whole service to refuse what no handler should see: TRACE, which echoes
// cookies back (section 9.3.8), or CONNECT. Per route, patterns of [http.ServeMux] with
// methods do the same. net/http itself answers "OPTIONS *", unless http.Server's
// DisableGeneralOptionsHandler is set.
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
				return // without it the client reads 405, but the handler runs
			}
			next.ServeHTTP(w, r)
		})
	}
}
