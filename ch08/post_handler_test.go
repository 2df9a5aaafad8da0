package ch08_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"network-programming-with-go/ch08"
)

type postHandlerUser struct {
	First string
	Age   int
	Since time.Time
}

// postHandler responds with the name that it was sent.
func postHandler(limit int64) http.Handler {
	return ch08.PostHandler(limit, func(_ context.Context, u postHandlerUser) (string, error) {
		if u.First == "" {
			return "", &ch08.Refusal{Code: 422, Message: "no first name"}
		}
		return u.First, nil
	})
}

// The texts are the handler's own: none names a Go type, a field, or an address.
func TestPostHandler(t *testing.T) {
	const jsonType, ok, limit = "application/json", `{"First":"Ada"}`, 1 << 10
	full := ok + strings.Repeat(" ", limit-len(ok))
	for _, tt := range []struct {
		method, contentType, body string
		code                      int
		response                  string
	}{
		{"POST", jsonType, ok, 200, `"Ada"`},
		{"POST", "Application/JSON; charset=utf-8", ok, 200, `"Ada"`},
		{"POST", "application/json;", ok, 200, `"Ada"`},
		{"POST", jsonType, " " + ok + "\r\n", 200, `"Ada"`},
		{"POST", jsonType, full, 200, `"Ada"`},
		{"GET", jsonType, ok, 405, "use POST"},
		{"HEAD", "", "", 405, "use POST"},
		{"OPTIONS", "", "", 405, "use POST"},
		{"PUT", "text/plain", ok, 405, "use POST"},
		{"POST", "", ok, 415, "send application/json"},
		{"POST", "text/plain", ok, 415, "send application/json"},
		{"POST", "application/x-www-form-urlencoded", "First=Ada", 415, "send application/json"},
		{"POST", "multipart/form-data; boundary=b", "--b--", 415, "send application/json"},
		{"POST", "application/jsonp", ok, 415, "send application/json"},
		{"POST", jsonType, full + " ", 413, "send at most 1024 bytes"}, // white space counts
		{"POST", jsonType, `{"First":"` + strings.Repeat("x", limit), 413, "send at most 1024 bytes"},
		{"POST", jsonType, "", 400, "malformed JSON at offset 0 of 0"},
		{"POST", jsonType, " \n", 400, "malformed JSON at offset 2 of 2"},
		{"POST", jsonType, `{"First" "Ada"}`, 400, "malformed JSON at offset 10 of 15"},
		{"POST", jsonType, `{"First":`, 400, "malformed JSON at offset 9 of 9"},
		{"POST", jsonType, strings.Repeat("[", limit), 400, "malformed JSON at offset 1024 of 1024"},
		{"POST", jsonType, `["Ada"]`, 400, "wrong JSON type at offset 1"},
		{"POST", jsonType, `{"First":"Ada","Age":"7"}`, 400, "wrong JSON type at offset 24"},
		{"POST", jsonType, `{"First":7}`, 400, "wrong JSON type at offset 10"},
		{"POST", jsonType, `{"First":"Ada","Since":"soon"}`, 400, "the JSON value is not accepted"},
		{"POST", jsonType, `{"First":"Ada","Admin":true}`, 400, `unknown field "Admin"`},
		{"POST", jsonType, ok + ok, 400, "malformed JSON at offset 16 of 30"},
		{"POST", jsonType, ok + " x", 400, "malformed JSON at offset 17 of 17"},
		{"POST", jsonType, ok + "}", 400, "malformed JSON at offset 16 of 16"},
		{"POST", jsonType, `null`, 422, "no first name"},                       // is a zero Req
		{"POST", jsonType, `{"First":"Ada","First":""}`, 422, "no first name"}, // the last counts
	} {
		for _, announced := range []bool{true, false} {
			name := fmt.Sprintf("%s %s %.20q, announced %t", tt.method, tt.contentType, tt.body, announced)
			t.Run(name, func(t *testing.T) {
				r := httptest.NewRequest(tt.method, "/", strings.NewReader(tt.body))
				if !announced {
					r.ContentLength = -1 // chunked
				}
				r.Header.Set("Content-Type", tt.contentType)
				w := httptest.NewRecorder()
				postHandler(limit).ServeHTTP(w, r)
				if got := strings.TrimSpace(w.Body.String()); w.Code != tt.code || got != tt.response {
					t.Errorf("response = %d %q, want %d %q", w.Code, got, tt.code, tt.response)
				}
				allow, accept := w.Header().Get("Allow") == "POST", w.Header().Get("Accept") == jsonType
				if allow != (tt.code == 405) || accept != (tt.code == 415) {
					t.Errorf("status %d with the header %v", tt.code, w.Header())
				}
				if got := w.Header().Get("Content-Type") == jsonType; got != (tt.code == 200) {
					t.Errorf("status %d with Content-Type %s", tt.code, w.Header().Get("Content-Type"))
				}
			})
		}
	}
}

func TestPostHandlerLimit(t *testing.T) {
	for _, tt := range []struct {
		limit int64
		body  string
		code  int
		text  string
	}{
		{2, "{}", 422, "no first name"},
		{1, "{}", 413, "send at most 1 bytes"},
		{0, "", 400, "malformed JSON at offset 0 of 0"},
		{0, "1", 413, "send at most 0 bytes"},
		{-1, "1", 413, "send at most 0 bytes"},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		postHandler(tt.limit).ServeHTTP(w, r)
		if got := strings.TrimSpace(w.Body.String()); w.Code != tt.code || got != tt.text {
			t.Errorf("limit %d: POST %s = %d %q, want %d %q", tt.limit, tt.body, w.Code, got, tt.code, tt.text)
		}
	}
}

// Only a Refusal reaches the client. An error of a request that the handler makes itself
// names addresses and repeats texts of other servers.
func TestPostHandlerHidesErrors(t *testing.T) {
	status := &ch08.StatusError{Code: 409, Message: "secret of another server"}
	for _, tt := range []struct {
		name string
		err  error
		code int
		text string
	}{
		{"refusal", &ch08.Refusal{Code: 409, Message: "taken"}, 409, "taken"},
		{"refusal, wrapped", fmt.Errorf("secret: %w", &ch08.Refusal{Code: 404, Message: "gone"}), 404, "gone"},
		{"lowest code", &ch08.Refusal{Code: 400, Message: "no"}, 400, "no"},
		{"highest code", &ch08.Refusal{Code: 599, Message: "no"}, 599, "no"},
		{"code too low", &ch08.Refusal{Code: 399, Message: "secret"}, 500, "internal error"},
		{"code too high", &ch08.Refusal{Code: 600, Message: "secret"}, 500, "internal error"},
		{"no code", &ch08.Refusal{Message: "secret"}, 500, "internal error"},
		{"any error", errors.New("dial tcp 192.0.2.1:5432: refused"), 500, "internal error"},
		{"another server's status", status, 500, "internal error"},
		{"another server's status, wrapped", fmt.Errorf("post: %w", status), 500, "internal error"},
		{"canceled", context.Canceled, 500, "internal error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := ch08.PostHandler(1<<10, func(context.Context, string) (string, error) { return "", tt.err })
			r := httptest.NewRequest("POST", "/", strings.NewReader(`"in"`))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := w.Body.String(); w.Code != tt.code || got != tt.text+"\n" {
				t.Errorf("response = %d %q, want %d %q", w.Code, got, tt.code, tt.text)
			}
		})
	}
}

// postHandlerSecret cannot be encoded, or decoded but for "open".
type postHandlerSecret string

func (s postHandlerSecret) MarshalJSON() ([]byte, error) { return nil, errors.New("secret") }

func (s *postHandlerSecret) UnmarshalJSON(b []byte) error {
	if string(b) != `"open"` {
		return fmt.Errorf("secret: %w", json.Unmarshal([]byte("{"), new(int)))
	}
	*s = "open"
	return nil
}

func TestPostHandlerHidesCodecs(t *testing.T) {
	h := ch08.PostHandler(1<<10, func(_ context.Context, s postHandlerSecret) (postHandlerSecret, error) {
		return s, nil
	})
	for body, code := range map[string]int{`"open"`: 500, `"x"`: 400} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != code || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("POST %s = %d %q, want %d without the secret", body, w.Code, w.Body, code)
		}
	}
}
