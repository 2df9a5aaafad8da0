package ch09_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"network-programming-with-go/ch09"
)

// drainPost sends size bytes to a handler that reads none of them. It reports whether
// the server keeps the connection.
func drainPost(t *testing.T, client *http.Client, url string, size int) (kept bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url,
		bytes.NewReader(make([]byte, size)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return false // the server closed while the client was still writing
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return false // likewise
	}
	return !resp.Close
}

func TestDrain(t *testing.T) {
	tests := []struct {
		name         string
		limit        int64 // -1: no middleware
		body, answer int
		kept         bool
	}{
		{"net/http alone, small body", -1, 100 << 10, 10, true},
		{"net/http alone, large body", -1, 1 << 20, 10, false},
		{"drained, large body", 2 << 20, 1 << 20, 10, true},
		{"drained to the limit", 1 << 20, 1 << 20, 10, true},
		{"body beyond the limit", 1 << 20, 2 << 20, 10, false},
		{"too late for a large answer", 2 << 20, 1 << 20, 10 << 10, false},
	}
	// One server for all: it lingers half a second over each connection that it gives
	// up, and Close waits for that.
	mux := http.NewServeMux()
	for i, tt := range tests {
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Write(make([]byte, tt.answer)) // error: a client that went away
		})
		if tt.limit >= 0 {
			h = ch09.Drain(tt.limit)(h)
		}
		mux.Handle(fmt.Sprint("/", i), h)
	}
	ts := httptest.NewServer(mux)
	defer ts.Close()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kept := drainPost(t, ts.Client(), fmt.Sprint(ts.URL, "/", i), tt.body)
			t.Logf("%7d bytes unread, answer of %5d: connection kept %t", tt.body, tt.answer, kept)
			if kept != tt.kept {
				t.Errorf("connection kept: %t, want %t", kept, tt.kept)
			}
		})
	}
}

func TestDrainReadsNoMoreThanLimit(t *testing.T) {
	const limit = 1000
	body := &drainBody{}
	r := httptest.NewRequest("POST", "/", nil)
	r.Body = body
	ch09.Drain(limit)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).
		ServeHTTP(httptest.NewRecorder(), r)
	t.Logf("endless body: read %d bytes, closed %t", body.n, body.closed)
	if body.n != limit+1 || !body.closed {
		t.Errorf("read %d bytes, closed %t, want %d, true", body.n, body.closed, limit+1)
	}
}

// drainBody is endless.
type drainBody struct {
	n      int
	closed bool
}

func (b *drainBody) Read(p []byte) (int, error) { b.n += len(p); return len(p), nil }
func (b *drainBody) Close() error               { b.closed = true; return nil }
