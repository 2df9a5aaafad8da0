package ch09

import (
	"io"
	"net/http"
)

// StatusWriter passes an answer on and notes its status and size. Middleware gives it to
// the next handler in place of its own http.ResponseWriter, which keeps what it can do for
// those who ask by http.ResponseController, not by an assertion like w.(http.Hijacker):
//
//   - Unwrap lets the controller find what it needs: deadlines, Hijack, full duplex.
//   - ReadFrom passes on a file's copy whole, so that the kernel can send it (sendfile).
//   - Flush and FlushError flush, for code that asserts http.Flusher.
//   - 1xx answers are passed on and do not count as the status, but 101 does, after
//     which the connection speaks another protocol (RFC 9110, section 15.2).
//
// One thing no wrapper can pass on: http.MaxBytesReader finds only net/http's own writer,
// to close the connection after a body that is too large. Set Connection: close yourself.
//
// Like the writer it wraps, it is for one goroutine at a time.
type StatusWriter struct {
	http.ResponseWriter // the next writer inwards; also what Unwrap returns
	status              int
	bytes               int64
}

// NewStatusWriter wraps w.
func NewStatusWriter(w http.ResponseWriter) *StatusWriter {
	return &StatusWriter{ResponseWriter: w}
}

// Status returns the status that the client gets: the first final one written, or 200
// if the handler wrote none, as net/http then sends. It knows nothing of a handler
// that hijacked the connection or panicked.
func (w *StatusWriter) Status() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// Bytes returns how many bytes of content the handler wrote. For an answer to HEAD
// net/http sends none of them; header and chunk framing are not counted.
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
	return n, err
}

// ReadFrom implements io.ReaderFrom, which io.Copy and http.FileServer prefer to Write.
func (w *StatusWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	w.bytes += n
	if w.status == 0 && n > 0 { // nothing read: the handler can still send an error
		w.status = http.StatusOK
	}
	return n, err
}

// FlushError is Flush with its error: http.ErrNotSupported if the inner writer cannot.
func (w *StatusWriter) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if w.status == 0 && err == nil {
		w.status = http.StatusOK // a flush sends the header
	}
	return err
}

// Flush implements http.Flusher. It cannot report an error: use http.ResponseController.
func (w *StatusWriter) Flush() {
	w.FlushError() // nowhere to go with the error
}

// Unwrap returns the inner writer, for http.ResponseController.
func (w *StatusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
