package ch09

import (
	"cmp"
	"errors"
	"html/template"
	"io"
	"net/http"
	"strings"
)

// maxGreetingBytes bounds the body of a POST to DefaultHandler.
const maxGreetingBytes = 4 << 10 // 4 KiB

// html/template knows that {{.}} stands in text between tags and escapes for that place.
// Built with text/template, or with fmt.Fprintf, the page would run what a client sends.
var greetingPage = template.Must(template.New("greeting").Parse("<p>Hello, {{.}}!</p>\n"))

// DefaultHandler greets: "friend" for GET and HEAD, and for POST whomever the body
// names, as plain text, or again "friend" if it names nobody. What the body says is
// escaped, so markup arrives as text.
//
// A body above 4 KiB is answered 413 (RFC 9110, section 15.5.14), a body that cannot
// be read 400, any other method 405 with Allow (section 15.5.6). For a form's fields use
// r.PostFormValue; for JSON answer with encoding/json, whose escaping is not HTML's.
func DefaultHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "friend"
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodPost:
			var err error
			if name, err = readGreetingName(w, r); err != nil {
				if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
					http.Error(w, "name too long", http.StatusRequestEntityTooLarge)
				} else {
					http.Error(w, "cannot read the name", http.StatusBadRequest)
				}
				return
			}
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// The status is sent by now: an error here is a client that went away.
		greetingPage.Execute(w, name)
	})
}

// readGreetingName reads the body. An honest Content-Length is refused before the body
// is asked for: a client that waits for "100 Continue" never sends it.
func readGreetingName(w http.ResponseWriter, r *http.Request) (string, error) {
	var b []byte
	var err error
	if r.ContentLength > maxGreetingBytes {
		err = &http.MaxBytesError{Limit: maxGreetingBytes}
	} else {
		b, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxGreetingBytes))
	}
	if err != nil {
		if r.ProtoMajor == 1 {
			// Or the answer would wait for up to 256 KiB more, read in the hope of keeping
			// the connection. MaxBytesReader sees to that only where w is net/http's own.
			w.Header().Set("Connection", "close")
		}
		return "", err // net/http closes the body; Close reads as well
	}
	r.Body.Close()
	name := strings.ToValidUTF8(strings.TrimSpace(string(b)), "\uFFFD")
	return cmp.Or(name, "friend"), nil
}
