package ch09

import (
	"io"
	"math"
	"net/http"
	"time"
)

// A client may take progressTime for each progressBytes of a long response.
const (
	progressBytes = 1 << 20 // 1 MiB
	progressTime  = time.Minute
)

// ProgressWriter moves the write deadline on as long as the client reads: by a minute for
// each MiB that io.Copy or http.ServeContent sends. One absolute deadline either cuts
// a long download off, or gives a client that reads nothing as long as the whole would take.
//
// The first MiB is under the deadline that the server set, so the server needs a
// WriteTimeout. A file still reaches the inner writer as a file, so sendfile works.
type ProgressWriter struct{ http.ResponseWriter }

// ReadFrom implements io.ReaderFrom.
func (w ProgressWriter) ReadFrom(r io.Reader) (n int64, err error) {
	rest := int64(math.MaxInt64)
	limited, ok := r.(*io.LimitedReader) // of io.CopyN: sendfile looks into one, not into two
	if ok {
		r, rest = limited.R, limited.N
		defer func() { limited.N -= n }()
	}
	for {
		part := io.LimitedReader{R: r, N: min(rest-n, progressBytes)}
		m, err := io.Copy(w.ResponseWriter, &part)
		n += m
		if err != nil || part.N > 0 || n == rest {
			return n, err
		}
		// An error means that the writer has no deadline to move.
		http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(progressTime))
	}
}

// Unwrap returns the inner writer, for http.ResponseController.
func (w ProgressWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
