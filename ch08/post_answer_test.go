package ch08_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"network-programming-with-go/ch08"
)

type postAnswer struct{ ID int }

// postTransport answers without a network.
type postTransport http.HandlerFunc

func (h postTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), nil
}

func TestPostJSONAnswers(t *testing.T) {
	const jsonType = "application/json"
	for name, tt := range map[string]struct {
		code              int
		contentType, body string
		want              int // the ID, 0 for an error
	}{
		"plain":         {200, jsonType, `{"ID":7}`, 7},
		"created":       {201, jsonType + "; charset=utf-8", `{"ID":7}`, 7},
		"gained fields": {200, jsonType, `{"ID":7,"New":1}`, 7},
		"wrong type":    {200, "text/html", `{"ID":7}`, 0},
		"trailing data": {200, jsonType, `{"ID":7}{}`, 0},
		"malformed":     {200, jsonType, `{"ID":`, 0},
		"too large":     {200, jsonType, `{"ID":7}` + strings.Repeat(" ", ch08.MaxAnswer), 0},
		"not modified":  {304, jsonType, "", 0},
		"long error":    {400, "text/plain", strings.Repeat("x", 1<<20), 0},
	} {
		client := &http.Client{Transport: postTransport(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", tt.contentType)
			w.WriteHeader(tt.code)
			io.WriteString(w, tt.body) // to memory
		})}
		got, err := ch08.PostJSON[string, postAnswer](t.Context(), client, "http://peer.example/", "in")
		if got.ID != tt.want || (err == nil) != (tt.want != 0) || len(fmt.Sprint(err)) > 600 {
			t.Errorf("%s: PostJSON = %v, %.700v, want ID %d", name, got, err, tt.want)
		}
	}
}

// A 301 or 302 would turn the POST into a GET, whose answer must not pass for the POST's.
func TestPostJSONRedirectAsGet(t *testing.T) {
	for code, want := range map[int]postAnswer{301: {}, 302: {}, 303: {3}, 307: {4}, 308: {4}} {
		hits := 0
		client := &http.Client{Transport: postTransport(func(w http.ResponseWriter, r *http.Request) {
			if hits++; hits == 1 {
				http.Redirect(w, r, "/", code)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"ID":%d}`, len(r.Method))
		})}
		got, err := ch08.PostJSON[string, postAnswer](t.Context(), client, "http://peer.example/", "in")
		if e, ok := errors.AsType[*ch08.PostError](err); got != want || ok != (want.ID == 0) ||
			ok && (e.Code != code || hits != 1) {
			t.Errorf("redirect by %d: PostJSON = %v, %v, %d requests, want %v", code, got, err, hits, want)
		}
	}
}

// The client's own word about redirects counts, and where it has none there is an end.
func TestPostJSONRedirectLimit(t *testing.T) {
	loop := postTransport(http.RedirectHandler("/", http.StatusPermanentRedirect).ServeHTTP)
	enough := errors.New("enough")
	for _, check := range []func(*http.Request, []*http.Request) error{nil,
		func(_ *http.Request, via []*http.Request) error { return enough }} {
		client := &http.Client{Transport: loop, CheckRedirect: check}
		_, err := ch08.PostJSON[string, postAnswer](t.Context(), client, "http://peer.example/", "in")
		if err == nil || errors.Is(err, enough) != (check != nil) {
			t.Errorf("PostJSON error = %v, want the client's own: %t", err, check != nil)
		}
	}
}
