package ch09

import (
	"errors"
	"net/http"
	"os"
	"time"
)

// unreadTime is how long the rest of a refused body may take to arrive.
const unreadTime = 500 * time.Millisecond

// BodyError responds to a request whose body could not be read: 413 if err is of
// http.MaxBytesReader, 408 if the body did not come in time, else 400. The text is
// neutral: nothing of err reaches the client. Over HTTP/1.1 the connection is closed
// afterwards; without that net/http would first wait for up to 256 KiB more of the body.
// Put CloseUnread around the handler, and leave the closing of the body to net/http.
func BodyError(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusBadRequest, "the body cannot be read"
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		status, text = http.StatusRequestEntityTooLarge, "the body is too large"
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		status, text = http.StatusRequestTimeout, "the body did not come in time"
	}
	if r.ProtoMajor == 1 {
		// MaxBytesReader does so only where w is net/http's own writer.
		w.Header().Set("Connection", "close")
	}
	http.Error(w, text, status)
}

// CloseUnread is middleware that lets net/http close a connection soon after a response
// that announces it. Before closing, net/http reads up to 256 KiB of a body that the handler left,
// and waits for it as long as the server's ReadTimeout allows. A client that sent
// "Expect: 100-continue" and was refused never sends it (RFC 9110, section 10.1.1).
//
// A handler may hijack a request with a body only if a StatusWriter is between.
func CloseUnread(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.ProtoMajor != 1 || r.ContentLength == 0 ||
			r.Header.Get("Expect") == "" && w.Header().Get("Connection") != "close" {
			return
		}
		if s, ok := w.(interface{ Status() int }); ok && s.Status() == http.StatusSwitchingProtocols {
			return // hijacked: the deadline is not ours to set
		}
		// An error means that w has no deadlines. One that is set stays set only until the
		// next request, and does nothing if the body was read.
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadTime))
	})
}
