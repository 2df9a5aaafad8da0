package ch08

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"time"
)

// ErrNotForm reports a request that is not multipart/form-data with a boundary, for
// which 415 is the status. Test for it with errors.Is.
var ErrNotForm = errors.New("not multipart/form-data with a boundary")

// Parts returns the parts of r's multipart/form-data body in their order, while they
// arrive. It stores only the header of one part, at most 10 MiB: read a part before you
// ask for the next. limit bounds the whole body in bytes; the caller bounds the number
// of parts. Part.FileName is the client's choice: store files under a name of your own.
//
// If the body is not a whole form the sequence ends with an error, so keep nothing until
// then: ErrNotForm (415), *http.MaxBytesError (413), os.ErrDeadlineExceeded (408),
// io.ErrUnexpectedEOF for one cut short, or what ended the connection (400). Reading a
// part returns them too.
func Parts(
	w http.ResponseWriter, r *http.Request, limit int64,
) iter.Seq2[*multipart.Part, error] {
	return func(yield func(*multipart.Part, error) bool) {
		t, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		boundary := params["boundary"]
		if err != nil || t != "multipart/form-data" || boundary == "" {
			err = ErrNotForm
		} else if r.ContentLength > limit {
			err = &http.MaxBytesError{Limit: limit}
		}
		body := &partsBody{Reader: http.MaxBytesReader(w, r.Body, limit), w: w, r: r,
			last: "--" + boundary + "--"}
		mr := multipart.NewReader(body, boundary)
		for err == nil {
			var part *multipart.Part
			part, err = mr.NextPart() // skips the rest of the part before
			if err == io.EOF || err == nil && !yield(part, nil) {
				return
			}
		}
		if body.err != nil {
			err = body.err // a body that ends within a line looks malformed
		}
		yield(nil, body.refuse(fmt.Errorf("parts: %w", err)))
	}
}

// partsBody ends with io.EOF only after the last boundary. For a body cut within the
// header of a part mime/multipart returns io.EOF, as it does for a whole form.
type partsBody struct {
	io.Reader
	w    http.ResponseWriter
	r    *http.Request
	last string // the last boundary
	line []byte // the start of the last line read, with room for last and some blanks
	err  error  // that ended the body too early
}

func (b *partsBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	data := p[:n]
	if i := bytes.LastIndexByte(data, '\n'); i >= 0 {
		b.line, data = b.line[:0], data[i+1:]
	}
	size := len(b.last) + 64 // more blanks than anyone sends
	b.line = append(b.line, data[:min(size-len(b.line), len(data))]...)
	// Blanks may follow the boundary (RFC 2046, section 5.1.1).
	whole := len(b.line) < size && string(bytes.TrimRight(b.line, " \t")) == b.last
	if err == io.EOF && !whole {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		b.err = b.refuse(err)
	}
	return n, err
}

// refuse closes an HTTP/1.1 connection with an unread body soon after the response.
// net/http alone waits for up to 256 KiB of the body, until ReadTimeout.
func (b *partsBody) refuse(err error) error {
	if b.w != nil && b.r.ProtoMajor == 1 && b.r.ContentLength != 0 {
		_, large := errors.AsType[*http.MaxBytesError](err)
		if large || errors.Is(err, os.ErrDeadlineExceeded) {
			b.w.Header().Set("Connection", "close")
		}
		// An error means that w has no connection, such as a recorder in a test.
		http.NewResponseController(b.w).SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	}
	return err
}
