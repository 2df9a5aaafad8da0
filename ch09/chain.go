package ch09

import (
	"net/http"
	"slices"
)

// Middleware wraps a handler in another one, which does something before or after it, or
// in its place. The functions of this chapter say func(http.Handler) http.Handler, which
// can be assigned to Middleware, so that each file copies without this one.
type Middleware func(http.Handler) http.Handler

// Chain wraps h in middleware. The first one named is the outermost: it sees the request
// first and the response last, so Chain(h, log, guard) logs what guard refuses too, and
// Chain(h, guard, log) does not. Without middleware it returns h.
//
// Wrapping happens once, here. A request costs only what each middleware does.
func Chain(h http.Handler, middleware ...Middleware) http.Handler {
	for _, wrap := range slices.Backward(middleware) {
		h = wrap(h)
	}
	return h
}
