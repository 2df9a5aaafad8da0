package ch08

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// MaxAnswer is the size in bytes up to which PostJSON reads an answer: 1 MiB.
const MaxAnswer = 1 << 20

// PostError is an answer that is not 2xx; get it with errors.AsType. A function given
// to PostHandler returns one to choose the status of its answer.
type PostError struct {
	Code    int    // HTTP status; PostHandler sends one out of 400 to 599 as 500
	Message string // the body, for people; clients see at most 512 bytes of it
}

func (e *PostError) Error() string {
	return fmt.Sprintf("post: status %d: %s", e.Code, e.Message)
}

// PostJSON sends in as JSON (RFC 8259) to url and decodes the answer. An answer that is
// not 2xx is a *PostError; 204 No Content is a zero Resp. An answer above MaxAnswer
// bytes, of another type than application/json or with anything after its JSON value is
// an error; fields that Resp does not have are ignored, as servers gain them over time.
//
// The body is encoded before it is sent, so that it has a length and can be sent again
// on a redirect by 307 or 308. One by 301 or 302, which http.Client follows with a GET
// that posts nothing, is a *PostError; 303 is followed, as it says where the answer is.
// Not for large bodies: stream these, as PostMultipart does.
func PostJSON[Req, Resp any](
	ctx context.Context, client *http.Client, url string, in Req,
) (Resp, error) {
	var out Resp
	body, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("post: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("post: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := postClient(client).Do(req)
	if err != nil {
		return out, fmt.Errorf("post: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		// What could be read of the message is better than nothing.
		msg, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
		return out, &PostError{resp.StatusCode, strings.TrimSpace(string(msg))}
	}
	if resp.StatusCode == http.StatusNoContent {
		return out, nil
	}
	if t := resp.Header.Get("Content-Type"); !postIsJSON(t) {
		return out, fmt.Errorf("post: answer of type %q, want application/json", t)
	}
	answer, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, MaxAnswer))
	if err == nil {
		err = json.Unmarshal(answer, &out) // refuses trailing data
	}
	if err != nil {
		return *new(Resp), fmt.Errorf("post: answer: %w", err)
	}
	return out, nil
}

// postClient is client, but has the redirect itself where it would go on with a GET.
func postClient(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		last := via[len(via)-1]
		switch {
		case req.Method != last.Method && req.Response.StatusCode != http.StatusSeeOther:
			return http.ErrUseLastResponse
		case client.CheckRedirect != nil:
			return client.CheckRedirect(req, via)
		case len(via) >= 10: // as http.Client has it without a CheckRedirect
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	return &c
}

// PostHandler answers a POST of one JSON value, of at most limit bytes, by what do
// returns for it. What is wrong with a request is told by the status (RFC 9110, section
// 15.5), and do is not called: 405 with Allow for another method, 415 with Accept for
// another type, 413 for a larger body, 400 for malformed JSON, a field that Req does
// not have, or data after the value. A *PostError from do sets the status; of any other
// error the client learns no more than 500. An error that do has from a PostJSON of its
// own would pass as well: wrap that by %v, not by %w.
//
// Like encoding/json it takes null for any Req, and the last of two equal fields: do
// has to validate values. Safe for concurrent use if do is; do gets the request's
// context.
func PostHandler[Req, Resp any](
	limit int64, do func(context.Context, Req) (Resp, error),
) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer []byte
		in, err := postDecode[Req](w, r, limit)
		if err == nil {
			var out Resp
			if out, err = do(r.Context(), in); err == nil {
				answer, err = json.Marshal(out)
			}
		}
		if err != nil {
			if e, ok := errors.AsType[*PostError](err); ok && e.Code/100 >= 4 && e.Code < 600 {
				http.Error(w, e.Message, e.Code)
			} else {
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer) // a client that left has nobody to tell
	})
}

func postDecode[Req any](
	w http.ResponseWriter, r *http.Request, limit int64,
) (Req, error) {
	var in, none Req
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return none, &PostError{http.StatusMethodNotAllowed, "use POST"}
	}
	if !postIsJSON(r.Header.Get("Content-Type")) {
		w.Header().Set("Accept", "application/json")
		return none, &PostError{http.StatusUnsupportedMediaType, "send application/json"}
	}
	tooLarge := func() error {
		if r.ProtoMajor == 1 { // or the answer waits for up to 256 KiB more of the body
			w.Header().Set("Connection", "close")
		}
		return &PostError{http.StatusRequestEntityTooLarge,
			fmt.Sprintf("send at most %d bytes", limit)}
	}
	if r.ContentLength > limit {
		return none, tooLarge() // unread: a client that expects 100 has not sent it yet
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	dec.DisallowUnknownFields()
	err := dec.Decode(&in)
	if err == io.EOF {
		err = errors.New("empty body")
	} else if err == nil {
		if _, err = dec.Token(); err == io.EOF {
			return in, nil
		} else if err == nil {
			err = errors.New("data after the JSON value")
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return none, tooLarge()
	}
	return none, &PostError{http.StatusBadRequest, err.Error()}
}

// postIsJSON ignores parameters: RFC 8259, section 11, defines none, and some send
// "; charset=utf-8".
func postIsJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && t == "application/json"
}
