package ch09

import (
	"cmp"
	"html/template"
	"io"
	"net/http"
	"strings"
)

// Copy with: body.go.

// maxGreetingBytes bounds the body of a POST to DefaultHandler.
const maxGreetingBytes = 4 << 10 // 4 KiB

// html/template knows that {{.}} stands in text between tags and escapes for that place.
// With text/template or fmt.Fprintf the page would run what a client sends.
var greetingPage = template.Must(template.New("greeting").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Hello</title>
</head>
<body>
<main>
<h1>Hello, {{.}}!</h1>
</main>
</body>
</html>
`))

// DefaultHandler greets "friend" for GET and HEAD. For POST it greets the name that the
// body is, as plain text, or "friend" if it is blank. The name is escaped, so markup in
// it arrives as text.
//
// A body above 4 KiB is answered 413 (RFC 9110, section 15.5.14), one that cannot be
// read as by BodyError, and any other method 405 with Allow (section 15.5.6). For a form's
// fields use r.PostFormValue; for JSON respond with encoding/json, whose escaping differs.
func DefaultHandler() http.Handler {
	return CloseUnread(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "friend"
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodPost:
			var err error
			if name, err = readGreetingName(w, r); err != nil {
				BodyError(w, r, err)
				return
			}
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// The status is sent by now: an error here means that the client has gone away.
		greetingPage.Execute(w, name)
	}))
}

// readGreetingName reads the body. One that is announced too large is refused before it
// is asked for: a client that waits for "100 Continue" then never sends it.
func readGreetingName(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.ContentLength > maxGreetingBytes {
		return "", &http.MaxBytesError{Limit: maxGreetingBytes}
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxGreetingBytes))
	if err != nil {
		return "", err
	}
	name := strings.ToValidUTF8(strings.TrimSpace(string(b)), "\uFFFD")
	return cmp.Or(name, "friend"), nil
}
