package ch08_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"network-programming-with-go/ch08"
)

type postResult struct{ ID int }

// postTransport responds without a network.
type postTransport http.HandlerFunc

func (h postTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), nil
}

func TestPostJSONResponses(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	full := `{"ID":7}` + strings.Repeat(" ", ch08.MaxResponse-8)
	for _, tt := range []struct {
		name              string
		code              int
		contentType, body string
		want              int    // the ID, 0 for an error
		err               string // regular expression
	}{
		{"plain", 200, jsonType, `{"ID":7}`, 7, ""},
		{"created", 201, jsonType + "; charset=utf-8", `{"ID":7}`, 7, ""},
		{"gained fields", 200, jsonType, `{"ID":7,"New":1}`, 7, ""},
		{"wrong type", 200, "text/html", `{"ID":7}`, 0, `^post: response of type "text/html"`},
		{"malformed type", 200, "application/json; x", `{"ID":7}`, 0, `^post: response of type`},
		{"trailing data", 200, jsonType, `{"ID":7}{}`, 0, `^post: response: .*after top-level`},
		{"malformed", 200, jsonType, `{"ID":`, 0, `^post: response: unexpected end`},
		{"full", 200, jsonType, full, 7, ""},
		{"too large", 200, jsonType, full + " ", 0, `^post: response: body above the limit: more than 1048576 bytes$`},
		{"not modified", 304, jsonType, "", 0, `^post: status 304 Not Modified: ""$`},
		{"message", 409, "text/plain", " taken\n\x1b[2J", 0, `^post: status 409 Conflict: "taken\\n\\x1b\[2J"$`},
		{"long error", 400, "text/plain", strings.Repeat("x", 1<<20), 0, `^post: status 400 Bad Request: "x{512}"$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := &http.Client{Transport: postTransport(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.code)
				io.WriteString(w, tt.body) // to memory
			})}
			got, err := ch08.PostJSON[string, postResult](t.Context(), client, "http://peer.example/", "in")
			if got.ID != tt.want || (err == nil) != (tt.want != 0) {
				t.Errorf("PostJSON = %v, %.700v, want ID %d", got, err, tt.want)
			}
			if err != nil && !regexp.MustCompile(tt.err).MatchString(err.Error()) {
				t.Errorf("error = %.700v, want %s", err, tt.err)
			}
			if large := tt.name == "too large"; errors.Is(err, ch08.ErrTooLarge) != large {
				t.Errorf("error = %v, want ErrTooLarge: %t", err, large)
			}
		})
	}
}

// What PostJSON sends.
func TestPostJSONRequest(t *testing.T) {
	client := &http.Client{Transport: postTransport(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("Accept") != "application/json" || string(body) != `"in"` || err != nil {
			t.Errorf("request = %s %v %q, %v", r.Method, r.Header, body, err)
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	if _, err := ch08.PostJSON[string, postResult](t.Context(), client, "http://peer.example/", "in"); err != nil {
		t.Error(err)
	}
}

// A 301 or 302 would turn the POST into a GET, whose response looks like the POST's.
func TestPostJSONRedirectAsGet(t *testing.T) {
	for code, want := range map[int]postResult{301: {}, 302: {}, 303: {3}, 307: {4}, 308: {4}} {
		hits := 0
		client := &http.Client{Transport: postTransport(func(w http.ResponseWriter, r *http.Request) {
			if hits++; hits == 1 {
				http.Redirect(w, r, "/", code)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"ID":%d}`, len(r.Method))
		})}
		got, err := ch08.PostJSON[string, postResult](t.Context(), client, "http://peer.example/", "in")
		if e, ok := errors.AsType[*ch08.StatusError](err); got != want || ok != (want.ID == 0) ||
			ok && (e.Code != code || hits != 1) {
			t.Errorf("redirect by %d: PostJSON = %v, %v, %d requests, want %v", code, got, err, hits, want)
		}
	}
}

// The client's CheckRedirect applies. Without one 10 redirects are the limit.
func TestPostJSONRedirectLimit(t *testing.T) {
	enough := errors.New("enough")
	for _, tt := range []struct {
		name  string
		check func(*http.Request, []*http.Request) error
		want  int // requests
	}{
		{"none", nil, 10},
		{"own", func(_ *http.Request, via []*http.Request) error { return enough }, 1},
		{"last response", func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hits := 0
			client := &http.Client{CheckRedirect: tt.check,
				Transport: postTransport(func(w http.ResponseWriter, r *http.Request) {
					hits++
					http.Redirect(w, r, "/", http.StatusPermanentRedirect)
				})}
			_, err := ch08.PostJSON[string, postResult](t.Context(), client, "http://peer.example/", "in")
			_, status := errors.AsType[*ch08.StatusError](err)
			if err == nil || errors.Is(err, enough) != (tt.name == "own") ||
				status != (tt.name == "last response") || hits != tt.want {
				t.Errorf("PostJSON error = %v after %d requests, want %d", err, hits, tt.want)
			}
		})
	}
}

// postCloser responds with a body that knows whether it was closed.
type postCloser struct {
	io.Reader
	status int
	closed bool
}

func (c *postCloser) Close() error { c.closed = true; return nil }

func (c *postCloser) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Body: c, ContentLength: -1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}}, nil
}

func TestPostJSONCloses(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
	}{{200, `{"ID":7}`}, {200, "{"}, {204, ""}, {404, "{}"}} {
		c := &postCloser{Reader: strings.NewReader(tt.body), status: tt.status}
		client := &http.Client{Transport: c}
		ch08.PostJSON[string, postResult](t.Context(), client, "http://peer.example/", "in") // see above
		if !c.closed {
			t.Errorf("status %d, %q: the body is not closed", tt.status, tt.body)
		}
	}
}
