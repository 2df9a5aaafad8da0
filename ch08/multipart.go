package ch08

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"sync"
)

// multipartControl matches control characters but tab. They are sent as browsers send CR
// and LF, %0D and %0A: net/http refuses a whole form for one of them in a header.
var multipartControl = regexp.MustCompile(`[\x00-\x08\x0a-\x1f\x7f]`)

// Part is a field, or a file if it has a FileName.
type Part struct {
	Name     string    // of the form's field
	FileName string    // without directories; any character is sent safely
	Type     string    // of a file's content; empty means application/octet-stream
	Data     io.Reader // closed by the caller; nil is empty
}

// PostMultipart sends parts in their order as multipart/form-data (RFC 7578) and returns
// the response, whatever its status; the caller closes its Body. Each Data is copied
// while it is sent, so memory does not grow, and a redirect is returned, not followed.
//
// An error or a panic of a Data ends the request, so that no server takes part of a file
// for the whole; errors.Is finds the error. No Data is read after PostMultipart has
// returned an error, or after Body.Close. Both wait for a Data whose Read blocks.
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
	var copying sync.WaitGroup
	copying.Go(func() {
		err := errors.New("Read of a Data did not return") // by runtime.Goexit
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("Read of a Data panicked: %v", p)
			}
			pw.CloseWithError(err) // nil closes with io.EOF
		}()
		err = multipartCopy(mw, parts)
	})
	stop := func() {
		pr.Close() // fails the next write to pw
		copying.Wait()
	}
	c := *client
	// The body cannot be sent twice.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close() // is the connection: the context would not end a Read
		err = errors.New("status 101 without a request to switch protocols")
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("multipart: %w", err)
	}
	resp.Body = &multipartResponse{resp.Body, stop}
	return resp, nil
}

type multipartResponse struct {
	io.ReadCloser
	stop func()
}

func (r *multipartResponse) Close() error {
	defer r.stop() // last, since it breaks the connection of an unfinished upload
	return r.ReadCloser.Close()
}

func multipartCopy(mw *multipart.Writer, parts []Part) error {
	for _, p := range parts {
		w, err := multipartCreate(mw, p)
		if err == nil && p.Data != nil {
			_, err = io.Copy(w, p.Data)
		}
		if err != nil {
			return fmt.Errorf("part %q: %w", p.Name, err)
		}
	}
	return mw.Close() // writes the last boundary: without it a form is cut short
}

func multipartCreate(mw *multipart.Writer, p Part) (io.Writer, error) {
	name := multipartControl.ReplaceAllStringFunc(p.Name, url.PathEscape)
	if p.FileName == "" {
		return mw.CreateFormField(name)
	}
	if multipartControl.MatchString(p.Type) {
		return nil, fmt.Errorf("type %q has control characters", p.Type)
	}
	fileName := multipartControl.ReplaceAllStringFunc(p.FileName, url.PathEscape)
	return mw.CreatePart(textproto.MIMEHeader{
		// Escapes quotes and backslashes. An unescaped name could write headers and parts.
		"Content-Disposition": {multipart.FileContentDisposition(name, fileName)},
		"Content-Type":        {cmp.Or(p.Type, "application/octet-stream")},
	})
}
