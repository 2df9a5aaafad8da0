package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// Memory is not allocated on the word of a server, whatever the limit. A limit below 0 is 0.
func TestGetLimitedAnnounced(t *testing.T) {
	for _, tt := range []struct {
		size, limit int64
		want        error
	}{
		{1 << 30, math.MaxInt64, io.ErrUnexpectedEOF},
		{1 << 62, math.MaxInt64, io.ErrUnexpectedEOF}, // no slice can be so long
		{1 << 62, 1000, ch08.ErrTooLarge},
		{1, -5, ch08.ErrTooLarge},
		{-1, -5, ch08.ErrTooLarge},
	} {
		client := &http.Client{Transport: getAnnounced(tt.size)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ch08.GetLimited(t.Context(), client, "http://peer.example/", tt.limit)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, tt.want) {
			t.Errorf("GetLimited(%d announced, %d) error = %v, want %v", tt.size, tt.limit, err, tt.want)
		}
		if strings.Contains(fmt.Sprint(err), "-") {
			t.Errorf("GetLimited(%d announced, %d) error = %v, want no negative size", tt.size, tt.limit, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
			t.Errorf("GetLimited(%d announced, %d) allocates %d bytes, want at most 2 MiB",
				tt.size, tt.limit, n)
		}
	}
}

// getAnnounced responds with that length, and three bytes.
type getAnnounced int64

func (size getAnnounced) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader("cut"), iotest.ErrReader(io.ErrUnexpectedEOF))
	return &http.Response{StatusCode: 200, ContentLength: int64(size), Body: io.NopCloser(body),
		Request: r}, nil
}

// Each body is closed. http.Transport holds nothing after HEAD; another RoundTripper may.
func TestGetClosesBody(t *testing.T) {
	for _, tt := range []struct {
		name         string
		status, size int
		limit        int64 // of GetLimited; -1: Size
	}{
		{"Size", 200, 5, -1},
		{"Size, not announced", 200, -1, -1},
		{"Size, status", 410, 5, -1},
		{"GetLimited", 200, 5, 5},
		{"GetLimited, announced above", 200, 5, 4},
		{"GetLimited, above", 200, -1, 4},
		{"GetLimited, status", 410, 5, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := &getBody{Reader: strings.NewReader("hello")}
			client := &http.Client{Transport: getRoundTrip(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: tt.status, ContentLength: int64(tt.size), Body: body, Request: r}, nil
			})}
			var err error
			if tt.limit < 0 {
				_, err = ch08.Size(t.Context(), client, "http://peer.example/")
			} else {
				_, err = ch08.GetLimited(t.Context(), client, "http://peer.example/", tt.limit)
			}
			if !body.closed {
				t.Errorf("the body is still open after %v", err)
			}
		})
	}
}

type getBody struct {
	io.Reader
	closed bool
}

func (b *getBody) Close() error { b.closed = true; return nil }

type getRoundTrip func(*http.Request) (*http.Response, error)

func (f getRoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A deadline that passes while the body arrives ends it at once.
func TestGetLimitedDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "the rest never comes") // a failure shows at the client
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}).Client(t)
		const limit = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		start := time.Now()
		b, err := ch08.GetLimited(ctx, client, "http://peer.example/", 1000)
		if got := time.Since(start); b != nil || !errors.Is(err, context.DeadlineExceeded) || got != limit {
			t.Errorf("GetLimited = %q, %v after %v, want context.DeadlineExceeded after %v", b, err, got, limit)
		}
	})
}

// An announced body is read into a slice made once; io.ReadAll would grow one.
func BenchmarkGetLimited(b *testing.B) {
	body := make([]byte, 1<<20)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/announced" {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		}
		w.Write(body) // a client that failed fails the benchmark
	}))
	defer ts.Close()
	for _, name := range []string{"announced", "chunked"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				_, err := ch08.GetLimited(b.Context(), ts.Client(), ts.URL+"/"+name, 1<<20)
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
