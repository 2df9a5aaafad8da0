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
	"os"
	"strings"
	"time"
)

// Refusal is an error that is meant for the client. A function given to PostHandler
// returns one to choose the status and the text of the response.
type Refusal struct {
	Code    int    // HTTP status from 400 to 599; any other becomes 500
	Message string // the body of the response
}

func (e *Refusal) Error() string { return fmt.Sprintf("post: status %d: %s", e.Code, e.Message) }

// PostHandler decodes a POST of one JSON value of at most limit bytes and responds with
// what do returns. A bad request does not reach do (RFC 9110, section 15.5): 405 another
// method, 415 another type, 413 a larger body, 408 one that did not come in time, and 400
// malformed JSON, an unknown field, or data after the value.
//
// A *Refusal from do is sent to the client, any other error as 500 without its text. do
// has to validate values: encoding/json takes null for any Req, and the last of two equal
// fields. The handler is safe for concurrent use if do is.
func PostHandler[Req, Resp any](
	limit int64, do func(context.Context, Req) (Resp, error),
) http.Handler {
	respond := func(w http.ResponseWriter, r *http.Request) ([]byte, error) {
		var in Req
		if err := postRead(w, r, limit, &in); err != nil {
			return nil, err
		}
		out, err := do(r.Context(), in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := respond(w, r)
		if err == nil {
			w.Header().Set("Content-Type", "application/json")
			w.Write(result) // fails if the client has left
			return
		}
		refusal, ok := errors.AsType[*Refusal](err)
		if !ok || refusal.Code < 400 || refusal.Code > 599 {
			refusal = &Refusal{http.StatusInternalServerError, "internal error"}
		}
		http.Error(w, refusal.Message, refusal.Code)
	})
}

// postRead does not read a body that is refused by its header, so a client that sent
// "Expect: 100-continue" does not send it.
func postRead(w http.ResponseWriter, r *http.Request, limit int64, in any) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return postRefuse(w, r, http.StatusMethodNotAllowed, "use POST")
	}
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || t != "application/json" {
		w.Header().Set("Accept", "application/json")
		return postRefuse(w, r, http.StatusUnsupportedMediaType, "send application/json")
	}
	var body []byte
	large := r.ContentLength > limit
	if !large {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		_, large = errors.AsType[*http.MaxBytesError](err)
	}
	switch {
	case large:
		return postRefuse(w, r, http.StatusRequestEntityTooLarge,
			fmt.Sprintf("send at most %d bytes", max(limit, 0)))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return postRefuse(w, r, http.StatusRequestTimeout, "the body did not come in time")
	case err != nil:
		return postRefuse(w, r, http.StatusBadRequest, "the body is incomplete")
	}
	return postDecode(body, in)
}

// postRefuse closes an HTTP/1.1 connection with an unread body soon after the response.
// net/http alone waits for up to 256 KiB of the body, until ReadTimeout.
func postRefuse(w http.ResponseWriter, r *http.Request, code int, message string) error {
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		if code == http.StatusRequestEntityTooLarge || code == http.StatusRequestTimeout {
			w.Header().Set("Connection", "close")
		}
		// An error means that w has no connection, such as a recorder in a test.
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	}
	return &Refusal{code, message}
}

// postDecode has texts of its own: those of encoding/json name Go types, and an
// UnmarshalJSON method may say anything.
func postDecode(body []byte, in any) error {
	err := json.Unmarshal(body, new(json.RawMessage)) // a Decoder ignores what follows the value
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err = dec.Decode(in); err == nil {
			return nil
		}
	}
	message := "the JSON value is not accepted"
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		message = fmt.Sprintf("malformed JSON at offset %d of %d", e.Offset, len(body))
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		message = fmt.Sprintf("wrong JSON type at offset %d", e.Offset)
	} else if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		message = fmt.Sprintf("unknown field %.80s", name)
	}
	return &Refusal{http.StatusBadRequest, message}
}
