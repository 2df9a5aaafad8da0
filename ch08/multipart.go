package ch08

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
)

// ErrNoBoundary reports a request that is not multipart/form-data, a case for 415.
// Test for it with errors.Is.
var ErrNoBoundary = errors.New("multipart: not multipart/form-data with a boundary")

// Part is a field, or a file if it has a FileName.
type Part struct {
	Name     string    // of the form's field
	FileName string    // sent quoted, whatever it contains; no path belongs in here
	Type     string    // of a file's content; empty means application/octet-stream
	Data     io.Reader // closed by whoever opened it; nil is empty
}

// PostMultipart sends parts in their order as multipart/form-data (RFC 7578) and returns
// the answer, whatever its status; the caller closes its Body. Each Data is copied while
// it is sent, in memory of constant size, through an io.Pipe: the request is chunked and
// cannot be sent again. So a redirect is returned as it is, never followed: by 301 and
// 302 http.Client would go on with a GET, whose answer looks like success.
//
// An error of a Data ends the request, so that no server takes a part of a file for the
// whole, and is returned (errors.Is). A server may answer before it has read everything.
// No Data is read any more once Body.Close has returned, or PostMultipart with an error:
// both wait for the goroutine that copies, and so for a Data whose Read blocks.
func PostMultipart(
	ctx context.Context, client *http.Client, url string, parts ...Part,
) (*http.Response, error) {
	pr, pw := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, pr)
	if err != nil {
		return nil, fmt.Errorf("multipart: %w", err)
	}
	mw := multipart.NewWriter(pw)
	req.Header.Set("Content-Type", mw.FormDataContentType())
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		pw.CloseWithError(multipartCopy(mw, parts)) // nil closes with io.EOF
	}()
	stop := func() {
		pr.Close() // fails the copier's next write
		<-copied
	}
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	resp, err := c.Do(req)
	if err != nil {
		stop()
		return nil, fmt.Errorf("multipart: %w", err)
	}
	resp.Body = &multipartAnswer{resp.Body, stop}
	return resp, nil
}

type multipartAnswer struct {
	io.ReadCloser
	stop func()
}

func (a *multipartAnswer) Close() error {
	defer a.stop() // last, since it breaks the connection of an upload under way
	return a.ReadCloser.Close()
}

func multipartCopy(mw *multipart.Writer, parts []Part) error {
	for _, p := range parts {
		w, err := multipartCreate(mw, p)
		if err != nil {
			return fmt.Errorf("part %q: %w", p.Name, err)
		}
		if p.Data == nil {
			continue
		}
		// The pipe hands each write over as it is: 32 KiB, and no bytes beyond those.
		if _, err := io.Copy(w, p.Data); err != nil {
			return fmt.Errorf("part %q: %w", p.Name, err)
		}
	}
	return mw.Close() // the last boundary, without which a server sees a cut body
}

func multipartCreate(mw *multipart.Writer, p Part) (io.Writer, error) {
	name := multipartPercent(p.Name)
	if p.FileName == "" {
		return mw.CreateFormField(name)
	}
	h := make(textproto.MIMEHeader)
	// Escapes quotes and backslashes by a backslash. A name pasted into this line
	// unescaped would write headers and parts of its own.
	h.Set("Content-Disposition",
		multipart.FileContentDisposition(name, multipartPercent(p.FileName)))
	h.Set("Content-Type", "application/octet-stream")
	if p.Type != "" {
		t, params, err := mime.ParseMediaType(p.Type)
		if err != nil {
			return nil, fmt.Errorf("type %q: %w", p.Type, err)
		}
		h.Set("Content-Type", mime.FormatMediaType(t, params)) // no CR or LF survives this
	}
	return mw.CreatePart(h)
}

// multipartPercent writes control characters as browsers do CR and LF, %0D and %0A: for
// one of them in a header a server refuses the whole form. A tab may stay.
func multipartPercent(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c < ' ' && c != '\t' || c == 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Parts returns the parts of r's multipart/form-data body in their order, while they
// arrive. Nothing is stored but the header of one part, at most 10 MiB: each part is
// read, or not, until the next is asked for. The whole body may have limit bytes; how
// many parts, and how large each, is for the caller to bound. What follows the last
// boundary is not read.
//
// The sequence ends with a pair of nil and an error unless the body ends as it should:
// ErrNoBoundary; *http.MaxBytesError for one above limit (errors.AsType), before any
// part if its Content-Length says so; io.ErrUnexpectedEOF for one cut short, wherever,
// or what ended the connection or the HTTP/2 stream. A read of a part may return all
// but the first as well. Store nothing for good before the sequence has ended without.
// Part.FileName is the client's choice, cut to its last element: look files up by a
// name of your own, or by os.Root.
func Parts(
	w http.ResponseWriter, r *http.Request, limit int64,
) iter.Seq2[*multipart.Part, error] {
	return func(yield func(*multipart.Part, error) bool) {
		t, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || t != "multipart/form-data" {
			yield(nil, ErrNoBoundary)
			return
		}
		body := &multipartBody{w: w, r: r, last: "--" + params["boundary"] + "--",
			ReadCloser: http.MaxBytesReader(w, r.Body, limit)}
		if r.ContentLength > limit {
			yield(nil, body.refuse(&http.MaxBytesError{Limit: limit}))
			return
		}
		own := r.Body
		r.Body = body
		mr, err := r.MultipartReader() // ParseMultipartForm would store all parts first
		r.Body = own                   // by its type net/http tells whether a client still holds it back
		if errors.Is(err, http.ErrNotMultipart) || errors.Is(err, http.ErrMissingBoundary) {
			yield(nil, fmt.Errorf("%w: %w", ErrNoBoundary, err))
			return
		} else if err != nil { // the form has been parsed already
			yield(nil, fmt.Errorf("multipart: %w", err))
			return
		}
		for {
			part, err := mr.NextPart() // skips what is left of the part before
			if err == io.EOF {
				return
			} else if err != nil {
				if _, ok := errors.AsType[textproto.ProtocolError](err); ok && body.err != nil {
					err = body.err // it ended within a line, which looks malformed
				}
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					err = io.ErrUnexpectedEOF
				}
				yield(nil, fmt.Errorf("multipart: %w", err))
				return
			}
			if !yield(part, nil) {
				return
			}
		}
	}
}

// multipartBody is a body that ends with io.EOF only after the last boundary. Of one that
// is cut within the header of a part, mime/multipart returns the io.EOF as it is, and
// so it would look like the end of a whole form.
type multipartBody struct {
	io.ReadCloser
	w    http.ResponseWriter
	r    *http.Request
	last string // boundary
	tail []byte // of what was read: room for last, a line end before and some padding after
	all  int64  // read so far
	err  error  // that ended the body before its time
}

const multipartPadding = 64 // bytes, more than anybody sends

func (b *multipartBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	size := len(b.last) + multipartPadding
	b.all += int64(n)
	b.tail = append(b.tail, p[max(0, n-size):n]...)
	b.tail = append(b.tail[:0], b.tail[max(0, len(b.tail)-size):]...)
	if err == io.EOF && !b.whole() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		b.err = b.refuse(err)
	}
	return n, err
}

// whole reports whether the last boundary is what was read last, on a line of its own;
// blanks may follow (RFC 2046, section 5.1.1).
func (b *multipartBody) whole() bool {
	before, ok := bytes.CutSuffix(bytes.TrimRight(b.tail, " \t\r\n"), []byte(b.last))
	if len(before) == 0 {
		return ok && b.all == int64(len(b.tail)) // the first line
	}
	return ok && before[len(before)-1] == '\n'
}

// refuse has an answer to a body that is too large leave at once: net/http would read up
// to 256 KiB more first. MaxBytesReader sees to that only where w is net/http's own.
func (b *multipartBody) refuse(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok && b.w != nil && b.r.ProtoMajor == 1 {
		b.w.Header().Set("Connection", "close")
	}
	return err
}
