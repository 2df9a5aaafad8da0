package ch09

import (
	"net/http"
	"slices"
)

// Chain wraps h in middleware. The first one named is the outermost: it sees the request
// first and the answer last, so Chain(h, log, guard) logs what guard refuses too, and
// Chain(h, guard, log) does not. Without middleware it returns h.
//
// Wrapping happens once, here, and costs nothing per request beyond what each
// middleware does.
func Chain(h http.Handler, middleware ...func(http.Handler) http.Handler) http.Handler {
	for _, wrap := range slices.Backward(middleware) {
		h = wrap(h)
	}
	return h
}
