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
		path string
		n    int64
		err  error
	}{
		{"/0", 0, nil},
		{"/1000000000", 1e9, nil}, // not downloaded: this test is fast
		{"/chunked/10", 0, ch08.ErrNoSize},
	} {
		t.Run(tt.path, func(t *testing.T) {
			n, err := ch08.Size(t.Context(), ts.Client(), ts.URL+tt.path)
			if n != tt.n || !errors.Is(err, tt.err) {
				t.Errorf("Size = %d, %v, want %d, %v", n, err, tt.n, tt.err)
			}
		})
	}
}

func TestGetLimited(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewServer(getMux())
	defer ts.Close()
	for _, tt := range []struct {
		path  string
		limit int64
		n     int
		err   error
	}{
		{"/0", 1000, 0, nil},
		{"/1000", 1000, 1000, nil},
		{"/1001", 1000, 0, ch08.ErrTooLarge},
		{"/1000000000", 1000, 0, ch08.ErrTooLarge},
		{"/chunked/0", 1000, 0, nil},
		{"/chunked/1000", 1000, 1000, nil},
		{"/chunked/1001", 1000, 0, ch08.ErrTooLarge},
		{"/chunked/1000000000", 1000, 0, ch08.ErrTooLarge},
		{"/gzip/1000", 1000, 1000, nil},
		{"/gzip/100000", 1000, 0, ch08.ErrTooLarge}, // about 150 bytes are sent
		{"/cut", 1000, 0, io.ErrUnexpectedEOF},
		{"/0", 0, 0, nil},
		{"/1", 0, 0, ch08.ErrTooLarge},
		{"/chunked/1", 0, 0, ch08.ErrTooLarge},
		{"/0", -1, 0, nil}, // below 0 is 0
		{"/1", -1, 0, ch08.ErrTooLarge},
		{"/chunked/1", -1, 0, ch08.ErrTooLarge},
	} {
		t.Run(fmt.Sprintf("%s, limit %d", tt.path, tt.limit), func(t *testing.T) {
			b, err := ch08.GetLimited(t.Context(), ts.Client(), ts.URL+tt.path, tt.limit)
			if len(b) != tt.n || !errors.Is(err, tt.err) {
				t.Errorf("GetLimited = %d bytes, %v, want %d, %v", len(b), err, tt.n, tt.err)
			}
			t.Logf("%4d bytes, %v", len(b), err)
		})
	}
}

// Both functions return a status other than 200, and the error of a request that fails.
func TestGetErrors(t *testing.T) {
	leak.Check(t)
	ts := httptest.NewServer(getMux())
	defer ts.Close()
	for _, tt := range []struct {
		name    string
		do      func(url string) error
		message string // a response to HEAD has no body
	}{
		{"Size", func(url string) error {
			_, err := ch08.Size(t.Context(), ts.Client(), url)
			return err
		}, ""},
		{"GetLimited", func(url string) error {
			_, err := ch08.GetLimited(t.Context(), ts.Client(), url, 1000)
			return err
		}, "it was here"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := ch08.StatusError{Code: 410, Message: tt.message}
			got, ok := errors.AsType[*ch08.StatusError](tt.do(ts.URL + "/gone"))
			if !ok || *got != want {
				t.Errorf("error = %v, want %v", got, &want)
			}
			for _, url := range []string{"http://%zz/", "http://127.0.0.1:0/"} {
				if err := tt.do(url); err == nil {
					t.Errorf("request to %s succeeded", url)
				}
			}
		})
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
