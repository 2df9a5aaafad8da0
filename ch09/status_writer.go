package ch09

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// StatusClientClosed is the status of a request whose client left before it was served,
// for logs and metrics only. The number is nginx's.
const StatusClientClosed = 499

// StatusWriter passes a response on and notes its status and size. Middleware gives it to
// the next handler in place of its own http.ResponseWriter. It keeps what the inner writer
// can do:
//
//   - Unwrap lets http.ResponseController find deadlines and full duplex.
//   - ReadFrom passes a file on whole, so that the kernel can send it (sendfile).
//   - Flush, FlushError and Hijack are for code that asserts their interfaces too.
//   - 1xx responses are passed on and do not count as the status, except 101.
//
// http.MaxBytesReader closes the connection only through net/http's own writer, never
// through a wrapper. Set Connection: close yourself.
type StatusWriter struct {
	http.ResponseWriter // the next writer inwards; also what Unwrap returns
	status              int
	bytes               int64
	err                 error // the first of a write; but see note
}

// NewStatusWriter wraps w.
func NewStatusWriter(w http.ResponseWriter) *StatusWriter {
	return &StatusWriter{ResponseWriter: w}
}

// Status returns the status that the client gets: the first final one written, or 200
// if the handler wrote none, as net/http then sends.
func (w *StatusWriter) Status() int {
	return cmp.Or(w.status, http.StatusOK)
}

// Bytes returns how many bytes of content the handler wrote, without headers and framing.
func (w *StatusWriter) Bytes() int64 { return w.bytes }

// WriteHeader implements http.ResponseWriter.
func (w *StatusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer. A first Write, even of nothing, sends status 200.
func (w *StatusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, w.note(err)
}

// ReadFrom implements io.ReaderFrom, which io.Copy prefers to Write.
func (w *StatusWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes += n
	if w.status == 0 && n > 0 { // nothing read: the handler can still send an error
		w.status = http.StatusOK
	}
	return n, w.note(err)
}

// FlushError is Flush with its error: http.ErrNotSupported if the inner writer cannot.
func (w *StatusWriter) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if w.status == 0 && err == nil {
		w.status = http.StatusOK // a flush sends the header
	}
	return w.note(err)
}

// note remembers err, unless it says that the handler wrote more than the response has.
func (w *StatusWriter) note(err error) error {
	if w.err == nil && !errors.Is(err, http.ErrBodyNotAllowed) && !errors.Is(err, http.ErrContentLength) &&
		!errors.Is(err, http.ErrNotSupported) {
		w.err = err
	}
	return err
}

// cut reports whether the response cannot have arrived whole: a write failed, or less was
// written than announced.
func (w *StatusWriter) cut(method string) bool {
	if w.status == http.StatusSwitchingProtocols {
		return false
	}
	if w.err != nil {
		return true
	}
	announced := w.Header().Get("Content-Length")
	if announced == "" || method == http.MethodHead || w.status == http.StatusNotModified {
		return false
	}
	length, err := strconv.ParseInt(announced, 10, 64)
	return err == nil && w.bytes < length // net/http ignores what is not a number
}

// Flush implements http.Flusher. It cannot report an error: use http.ResponseController.
func (w *StatusWriter) Flush() {
	w.FlushError() // nowhere to go with the error
}

// Hijack implements http.Hijacker. The error is http.ErrNotSupported over HTTP/2.
func (w *StatusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, rw, err
}

// Unwrap returns the inner writer, for http.ResponseController.
func (w *StatusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Outcome is how a request ended, for logs and metrics.
type Outcome struct {
	Route    string        // the pattern of http.ServeMux that matched, or ""
	Status   int           // what the client got; but see Observe
	Bytes    int64         // content sent; for HEAD 0, whatever the handler wrote
	Duration time.Duration // of the handler
	Panicked bool
}

// Observe serves r with next and then calls end, even if next panics. The panic goes on.
//
// The status is 101 after a hijack, 500 after a panic or if the response was cut, and
// StatusClientClosed if the request failed because its client had left or did not read:
// that is not the service's error. http.ErrAbortHandler counts as such a failure, as
// ReverseProxy panics with it. What was sent before does not change that.
func Observe(next http.Handler, w http.ResponseWriter, r *http.Request, end func(Outcome)) {
	start, method := time.Now(), r.Method
	sw := NewStatusWriter(w)
	o := Outcome{Panicked: true}
	defer func() {
		var reason any
		if o.Panicked {
			reason = recover()
		}
		o.Route, o.Status, o.Duration = routeOf(method, r.Pattern), sw.Status(), time.Since(start)
		if method != http.MethodHead {
			o.Bytes = sw.Bytes()
		}
		if o.Panicked || sw.cut(method) {
			o.Status = http.StatusInternalServerError
		}
		left := clientLeft(r) || r.Context().Err() == nil && ofClient(sw.err)
		if o.Status >= 500 && left && (!o.Panicked || reason == http.ErrAbortHandler) {
			o.Status = StatusClientClosed
		}
		end(o)
		if reason != nil {
			panic(reason)
		}
	}()
	next.ServeHTTP(sw, r)
	o.Panicked = false
}

// clientLeft reports whether the client is gone. The end of a deadline is not the
// client's doing, nor is that of the server, which has a cause of its own.
func clientLeft(r *http.Request) bool {
	return context.Cause(r.Context()) == context.Canceled
}

// ofClient reports whether a write failed with err because of the client. When the kernel
// sends a file, net/http does not cancel the request's context.
func ofClient(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, os.ErrDeadlineExceeded)
}

// routeOf returns the pattern of http.ServeMux that matched, or "". For a CONNECT that it
// redirects, ServeMux gives the client's path as the pattern.
func routeOf(method, pattern string) string {
	if method == http.MethodConnect && !strings.HasPrefix(pattern, "CONNECT ") {
		return ""
	}
	return pattern
}
