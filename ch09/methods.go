package ch09

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Methods serves one resource: each request goes to the handler of its method. Method
// names are case-sensitive (RFC 9110, section 9.1).
//
// HEAD falls back to the handler of GET, as section 9.3.2 has it: same header, no
// content, which net/http drops on the way out. OPTIONS is answered 204 with Allow
// unless the map has a handler for it. Anything else is answered 405 with Allow, which
// section 15.5.6 requires; Allow is sorted, so equal maps give equal answers. A nil
// handler or http.HandlerFunc is a fault of the program and answered 500.
//
// The map must not change while it serves. For more than one resource use the method
// patterns of [http.ServeMux] ("GET /x"), which treat HEAD and 405 alike but know
// nothing of OPTIONS.
type Methods map[string]http.Handler

// ServeHTTP implements http.Handler.
func (m Methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := m[r.Method]
	if !ok && r.Method == http.MethodHead {
		h, ok = m[http.MethodGet]
	}
	switch f, isFunc := h.(http.HandlerFunc); {
	case ok && (h == nil || isFunc && f == nil):
		http.Error(w, "no handler for "+r.Method, http.StatusInternalServerError)
	case ok:
		h.ServeHTTP(w, r)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", m.Allow())
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", m.Allow())
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

// Allow returns the value of the Allow header: the methods that m serves, sorted and
// separated by ", ".
func (m Methods) Allow() string {
	all := slices.AppendSeq([]string{http.MethodOptions}, maps.Keys(m))
	if _, get := m[http.MethodGet]; get {
		all = append(all, http.MethodHead)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}
