package ch08_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/leak"
	"network-programming-with-go/ch08/internal/pipe"
)

// getMux serves /N, N bytes announced; /chunked/N; /gzip/N; and /cut, which announces more
// than it sends.
func getMux() *http.ServeMux {
	send := func(w io.Writer, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n")) // the test's own
		io.CopyN(w, getXs{}, int64(n))         // fails if the client has left
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{n}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", r.PathValue("n"))
		if r.Method == http.MethodGet {
			send(w, r)
		}
	})
	mux.HandleFunc("/chunked/{n}", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush() // the header is sent without a length
		send(w, r)
	})
	mux.HandleFunc("/gzip/{n}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		send(z, r)
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
	})
	mux.HandleFunc("/gone", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "it was here", http.StatusGone)
	})
	return mux
}

type getXs struct{}

var getX = strings.Repeat("x", 32<<10)

func (getXs) Read(p []byte) (int, error) { return copy(p, getX), nil }

func TestSize(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewServer(getMux())
	defer ts.Close()
	for _, tt := range []struct {
		path   string
		n      int64
		err    error
		status int
	}{
		{"/0", 0, nil, 0},
		{"/1000000000", 1e9, nil, 0}, // not downloaded: this test is fast
		{"/chunked/10", 0, ch08.ErrNoSize, 0},
		{"/gone", 0, nil, 410},
	} {
		t.Run(tt.path, func(t *testing.T) {
			n, err := ch08.Size(t.Context(), ts.Client(), ts.URL+tt.path)
			if e, ok := errors.AsType[*ch08.StatusError](err); ok {
				if e.Code != tt.status {
					t.Errorf("Size error = %v, want status %d", err, tt.status)
				}
			} else if n != tt.n || !errors.Is(err, tt.err) || tt.status != 0 {
				t.Errorf("Size = %d, %v, want %d, %v, status %d", n, err, tt.n, tt.err, tt.status)
			}
		})
	}
	if _, err := ch08.Size(t.Context(), ts.Client(), "http://%zz/"); err == nil {
		t.Error("Size of a malformed URL succeeded")
	}
}

func TestGetLimited(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewServer(getMux())
	defer ts.Close()
	gone := &ch08.StatusError{Code: 410, Message: "it was here"}
	for _, tt := range []struct {
		path string
		n    int
		err  error
	}{
		{"/0", 0, nil},
		{"/1000", 1000, nil},
		{"/1001", 0, ch08.ErrTooLarge},
		{"/1000000000", 0, ch08.ErrTooLarge},
		{"/chunked/0", 0, nil},
		{"/chunked/1000", 1000, nil},
		{"/chunked/1001", 0, ch08.ErrTooLarge},
		{"/chunked/1000000000", 0, ch08.ErrTooLarge},
		{"/gzip/1000", 1000, nil},
		{"/gzip/100000", 0, ch08.ErrTooLarge}, // about 150 bytes are sent
		{"/cut", 0, io.ErrUnexpectedEOF},
		{"/gone", 0, gone},
	} {
		t.Run(tt.path, func(t *testing.T) {
			b, err := ch08.GetLimited(t.Context(), ts.Client(), ts.URL+tt.path, 1000)
			e, ok := errors.AsType[*ch08.StatusError](err)
			if sameStatus := ok && tt.err == gone && *e == *gone; len(b) != tt.n ||
				!errors.Is(err, tt.err) && !sameStatus {
				t.Errorf("GetLimited = %d bytes, %v, want %d, %v", len(b), err, tt.n, tt.err)
			}
			t.Logf("%4d bytes, %v", len(b), err)
		})
	}
	for _, limit := range []int64{0, -1} { // below 0 is 0
		for path, want := range map[string]error{"/0": nil, "/1": ch08.ErrTooLarge, "/chunked/1": ch08.ErrTooLarge} {
			if _, err := ch08.GetLimited(t.Context(), ts.Client(), ts.URL+path, limit); !errors.Is(err, want) {
				t.Errorf("GetLimited(%s, %d) error = %v, want %v", path, limit, err, want)
			}
		}
	}
	if _, err := ch08.GetLimited(t.Context(), ts.Client(), "http://%zz/", 1); err == nil {
		t.Error("GetLimited of a malformed URL succeeded")
	}
}

// A body within the limit is read to its end, so that its connection is reused.
func TestGetLimitedReuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, getMux().ServeHTTP)
		client, _ := server.Client(t)
		for _, path := range []string{"/1000", "/chunked/1000", "/1000", "/chunked/999", "/0"} {
			if _, err := ch08.GetLimited(t.Context(), client, "http://peer.example"+path, 1000); err != nil {
				t.Error(err)
			}
		}
		if got := server.Made.Load(); got != 1 {
			t.Errorf("%d connections for 5 requests, want 1", got)
		}
	})
}

func ExampleSize() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "twenty bytes in all\n")
	}))
	defer ts.Close()
	fmt.Println(ch08.Size(context.Background(), ts.Client(), ts.URL))
	// Output: 20 <nil>
}

func ExampleGetLimited() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "twenty bytes in all\n")
	}))
	defer ts.Close()
	for _, limit := range []int64{20, 19} {
		b, err := ch08.GetLimited(context.Background(), ts.Client(), ts.URL, limit)
		fmt.Printf("%q %v\n", b, err)
	}
	// Output:
	// "twenty bytes in all\n" <nil>
	// "" get: body above the limit: 20 bytes announced, limit 19
}
