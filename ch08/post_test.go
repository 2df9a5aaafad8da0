package ch08_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"network-programming-with-go/ch08"
)

type User struct{ First, Last string }

type postID struct{ ID int }

const postLimit = 1 << 10 // 1 KiB

// handlePostUser keeps one name taken and one that fails.
func handlePostUser() http.Handler {
	return ch08.PostHandler(postLimit, func(_ context.Context, u User) (postID, error) {
		switch u.Last {
		case "":
			return postID{}, &ch08.PostError{Code: 422, Message: "no last name"}
		case "taken":
			return postID{}, fmt.Errorf("store: %w", &ch08.PostError{Code: 409, Message: "taken"})
		case "odd":
			return postID{}, &ch08.PostError{Code: 0, Message: "never sent"}
		case "broken":
			return postID{}, errors.New("secret: disk on fire")
		}
		return postID{len(u.First) + len(u.Last)}, nil
	})
}

// postLeaks fails the test if goroutines outlive it. Not for parallel tests.
func postLeaks(t testing.TB) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				t.Errorf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
			runtime.Gosched()
		}
	})
}

func TestPostUser(t *testing.T) {
	postLeaks(t)
	ts := httptest.NewServer(handlePostUser())
	defer ts.Close()
	for _, tt := range []struct {
		user User
		want postID
		code int
		msg  string
	}{
		{User{"Ada", "Lovelace"}, postID{11}, 0, ""},
		{User{"Ada", ""}, postID{}, 422, "no last name"},
		{User{"Ada", "taken"}, postID{}, 409, "taken"},
		{User{"Ada", "broken"}, postID{}, 500, "internal error"}, // and not a word more
		{User{"Ada", "odd"}, postID{}, 500, "internal error"},
		{User{"Ada", strings.Repeat("x", postLimit)}, postID{}, 413, "send at most 1024 bytes"},
	} {
		got, err := ch08.PostJSON[User, postID](t.Context(), ts.Client(), ts.URL, tt.user)
		e, refused := errors.AsType[*ch08.PostError](err)
		switch {
		case tt.code == 0 && (err != nil || got != tt.want):
			t.Errorf("PostJSON(%v) = %v, %v, want %v", tt.user, got, err, tt.want)
		case tt.code != 0 && (!refused || e.Code != tt.code || e.Message != tt.msg || got != tt.want):
			t.Errorf("PostJSON(%v) = %v, %v, want status %d: %s", tt.user, got, err, tt.code, tt.msg)
		}
		t.Logf("%-.60s -> %v %v", fmt.Sprint(tt.user), got, err)
	}
}

func TestPostHandler(t *testing.T) {
	const jsonType, ok = "application/json", `{"First":"Ada","Last":"Lovelace"}`
	full := ok + strings.Repeat(" ", postLimit-len(ok))
	for _, tt := range []struct {
		method, contentType, body string
		code                      int
		field, value              string // of the answer
	}{
		{"POST", jsonType, ok, 200, "Content-Type", jsonType},
		{"POST", "Application/JSON; charset=utf-8", ok, 200, "Content-Type", jsonType},
		{"POST", jsonType, " " + ok + "\r\n", 200, "", ""},
		{"POST", jsonType, full, 200, "", ""},
		{"POST", jsonType, full + " ", 413, "", ""}, // the excess is white space, but there
		{"POST", jsonType, `{"First":"` + strings.Repeat("x", postLimit), 413, "", ""},
		{"GET", jsonType, ok, 405, "Allow", "POST"},
		{"HEAD", "", "", 405, "Allow", "POST"},
		{"OPTIONS", "", "", 405, "Allow", "POST"},
		{"PUT", "text/plain", ok, 405, "Allow", "POST"},
		{"POST", "", ok, 415, "Accept", jsonType},
		{"POST", "text/plain", ok, 415, "Accept", jsonType},
		{"POST", "application/x-www-form-urlencoded", "First=Ada", 415, "Accept", jsonType},
		{"POST", "application/json;", ok, 200, "", ""},
		{"POST", "application/jsonp", ok, 415, "Accept", jsonType},
		{"POST", jsonType, "", 400, "", ""},
		{"POST", jsonType, strings.Repeat("[", postLimit), 400, "", ""},
		{"POST", jsonType, `null`, 422, "", ""},                   // goes to do, as zero
		{"POST", jsonType, `{"Last":"L","Last":""}`, 422, "", ""}, // the last one counts
		{"POST", jsonType, `{"First":`, 400, "", ""},
		{"POST", jsonType, `["Ada"]`, 400, "", ""},
		{"POST", jsonType, `{"First":7}`, 400, "", ""},
		{"POST", jsonType, `{"First":"Ada","Last":"L","Admin":true}`, 400, "", ""},
		{"POST", jsonType, ok + ok, 400, "", ""},
		{"POST", jsonType, ok + "x", 400, "", ""},
		{"POST", jsonType, ok + "}", 400, "", ""},
	} {
		for _, announced := range []bool{true, false} {
			r := httptest.NewRequest(tt.method, "/", strings.NewReader(tt.body))
			if !announced {
				r.ContentLength = -1 // chunked
			}
			r.Header.Set("Content-Type", tt.contentType)
			w := httptest.NewRecorder()
			handlePostUser().ServeHTTP(w, r)
			if w.Code != tt.code || tt.field != "" && w.Header().Get(tt.field) != tt.value {
				t.Errorf("%s %s %.50q (%d bytes, announced %t) = %d, %s: %q, want %d, %q",
					tt.method, tt.contentType, tt.body, len(tt.body), announced, w.Code,
					tt.field, w.Header().Get(tt.field), tt.code, tt.value)
			}
		}
	}
}

// A body announced to be too large is refused before it is sent, if the client asks.
func TestPostHandlerExpectContinue(t *testing.T) {
	postLeaks(t)
	ts := httptest.NewServer(handlePostUser())
	defer ts.Close()
	var sent atomic.Bool
	body := postReader(func([]byte) (int, error) {
		sent.Store(true)
		return 0, io.ErrUnexpectedEOF
	})
	req, err := http.NewRequestWithContext(t.Context(), "POST", ts.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 1 << 40 // 1 TiB
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Expect", "100-continue")
	ts.Client().Transport.(*http.Transport).ExpectContinueTimeout = 1 << 62 // wait for the word
	resp, err := ts.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 || sent.Load() {
		t.Errorf("status = %d, body sent: %t, want 413, false", resp.StatusCode, sent.Load())
	}
}

type postReader func([]byte) (int, error)

func (f postReader) Read(p []byte) (int, error) { return f(p) }

// The body is sent again to where a 307 points, 204 is a zero answer, and all use one
// connection.
func TestPostJSONRedirect(t *testing.T) {
	postLeaks(t)
	mux := http.NewServeMux()
	mux.Handle("/old", http.RedirectHandler("/new", http.StatusTemporaryRedirect))
	mux.HandleFunc("POST /new", func(w http.ResponseWriter, r *http.Request) {
		var u User
		if err := json.NewDecoder(r.Body).Decode(&u); err != nil || u.First != "Ada" || r.ContentLength < 0 {
			t.Errorf("redirected to with %v of %d bytes, %v, want Ada", u, r.ContentLength, err)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	ts := httptest.NewServer(mux)
	defer ts.Close()
	made := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if !i.Reused {
				made++
			}
		},
	})
	for range 2 {
		got, err := ch08.PostJSON[User, postID](ctx, ts.Client(), ts.URL+"/old", User{First: "Ada"})
		if err != nil || got != (postID{}) {
			t.Errorf("PostJSON = %v, %v, want a zero answer", got, err)
		}
	}
	if made != 1 {
		t.Errorf("%d connections, want 1", made)
	}
}

func TestPostJSONErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ch08.PostJSON[User, postID](ctx, http.DefaultClient, "http://127.0.0.1/", User{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error = %v, want context.Canceled", err)
	}
	_, err = ch08.PostJSON[func(), postID](t.Context(), http.DefaultClient, "http://127.0.0.1/", nil)
	if err == nil {
		t.Error("a function was encoded")
	}
	_, err = ch08.PostJSON[User, postID](t.Context(), http.DefaultClient, "http://%zz/", User{})
	if err == nil {
		t.Error("a malformed URL was accepted")
	}
}

func ExamplePostJSON() {
	type receipt struct{ Welcome string }
	ts := httptest.NewServer(ch08.PostHandler(1<<10, func(_ context.Context, u User) (receipt, error) {
		return receipt{"Hello, " + u.First}, nil
	}))
	defer ts.Close()
	ctx := context.Background()
	ada := User{"Ada", "Lovelace"}
	got, err := ch08.PostJSON[User, receipt](ctx, ts.Client(), ts.URL, ada)
	fmt.Println(got.Welcome, err)

	typo := map[string]string{"Fisrt": "Ada"} // refused, not taken for nobody
	_, err = ch08.PostJSON[map[string]string, receipt](ctx, ts.Client(), ts.URL, typo)
	if e, ok := errors.AsType[*ch08.PostError](err); ok {
		fmt.Println("status", e.Code)
	}
	// Output:
	// Hello, Ada <nil>
	// status 400
}
