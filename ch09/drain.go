package ch09

import (
	"errors"
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
// time.
//
// Not drained are HTTP/2, where only the stream ends; a request with Expect: 100-continue
// (RFC 9110, section 10.1.1), whose client may hold the body back until it has the answer;
// a connection that the handler hijacked; and one that it closes by Connection: close, as
// a handler should that refuses the body, or its answer waits for what is drained. A
// handler that wrote nothing has answered 200 when Drain begins.
func Drain(limit int64) func(http.Handler) http.Handler {
	// A reader of exactly the limit would miss the end of a body of that size, and
	// without having seen its end the server gives the connection up.
	limit = max(limit, limit+1) // the largest stays: one more would be negative
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if r.Body == nil || r.ProtoMajor != 1 || r.Header.Get("Expect") != "" ||
				w.Header().Get("Connection") == "close" {
				return // net/http closes the body, which also reads from it
			}
			if _, err := w.Write(nil); errors.Is(err, http.ErrHijacked) {
				return // to read the body now would panic, in whatever goroutine has the conn
			}
			// Errors: a client that went away, or a handler that closed the body.
			io.CopyN(io.Discard, r.Body, limit)
			r.Body.Close()
		})
	}
}
