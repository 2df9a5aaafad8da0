package ch09

import (
	"io"
	"net/http"
)

// Drain returns middleware that, after the next handler, reads up to limit bytes of what
// it left of the request's body and closes it, so that an HTTP/1.1 connection can be
// reused. What is beyond limit costs the client its connection.
//
// net/http drains too, up to 256 KiB, so Drain has a use where bodies that handlers do
// not read are larger than that, and only for small answers: the server decides about
// the connection when the header goes out, which is after 2 KiB of body, a Flush, or
// the handler's end. Whoever drains pays for bytes nobody wants: keep limit low, and
// prefer to refuse a body by its Content-Length. The server's ReadTimeout bounds the
// time. HTTP/2 has no need of it: there only the stream ends.
func Drain(limit int64) func(http.Handler) http.Handler {
	// A reader of exactly the limit would miss the end of a body of that size, and
	// without having seen its end the server gives the connection up.
	limit = max(limit, limit+1) // the largest stays: one more would be negative
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			// Errors: a client that went away, or a handler that closed the body.
			io.CopyN(io.Discard, r.Body, limit)
			r.Body.Close()
		})
	}
}
