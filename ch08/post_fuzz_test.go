package ch08_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"network-programming-with-go/ch08"
)

type postPoint struct{ X, Y float64 }

// postEcho responds with the value that it decoded.
func postEcho(limit int64) http.Handler {
	return ch08.PostHandler(limit, func(_ context.Context, p postPoint) (postPoint, error) {
		return p, nil
	})
}

func FuzzPostHandler(f *testing.F) {
	for _, s := range []string{`{"X":1,"Y":-2e3}`, `{"x":1}`, `{}{}`, `null`, ``, `{"Z":1}`,
		`{"X":1e999}`} {
		f.Add(s)
	}
	const limit = 64
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(body))) // chunked
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		postEcho(limit).ServeHTTP(w, r)
		var sent, got postPoint
		switch w.Code {
		case 200: // what is accepted is one JSON value within the limit, and arrives unchanged
			if err := json.Unmarshal([]byte(body), &sent); err != nil || len(body) > limit {
				t.Errorf("%q was accepted, json.Unmarshal says %v", body, err)
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got != sent {
				t.Errorf("%q arrived as %v, %v", body, got, err)
			}
		case 400:
		case 413:
			if len(body) <= limit {
				t.Errorf("%q, %d bytes, is too large", body, len(body))
			}
		default:
			t.Errorf("%q gets status %d", body, w.Code)
		}
	})
}

// A POST and its response over one connection.
func BenchmarkPostJSON(b *testing.B) {
	ts := httptest.NewServer(postEcho(1 << 10))
	defer ts.Close()
	b.ReportAllocs()
	for b.Loop() {
		_, err := ch08.PostJSON[postPoint, postPoint](b.Context(), ts.Client(), ts.URL, postPoint{1, 2})
		if err != nil {
			b.Fatal(err)
		}
	}
}
