package ch08_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"network-programming-with-go/ch08"
)

// drainFiles serves /N, N bytes announced; /chunked/N; /gzip/N; and /cut, an empty lie.
func drainFiles(t testing.TB) *httptest.Server {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, size, _ := strings.Cut(r.URL.Path[1:], "/")
		n, err := strconv.Atoi(size + strings.Trim(kind, "chunkedgzip"))
		switch {
		case kind == "cut":
			w.Header().Set("Content-Length", "1000")
			return
		case err != nil:
			http.NotFound(w, r)
			return
		case kind == "chunked":
			http.NewResponseController(w).Flush()
		case kind == "gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			defer z.Close()
			io.CopyN(z, drainXs{}, int64(n)) // fails if the client left
			return
		default:
			w.Header().Set("Content-Length", size+kind)
		}
		if r.Method != http.MethodHead {
			io.CopyN(w, drainXs{}, int64(n)) // fails if the client left
		}
	}))
	t.Cleanup(ts.Close)
	return ts
}

type drainXs struct{}

var drainX = strings.Repeat("x", 32<<10)

func (drainXs) Read(p []byte) (int, error) { return copy(p, drainX), nil }

// drainSizeLeaks fails the test if goroutines outlive it. Not for parallel tests.
func drainSizeLeaks(t testing.TB) {
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

func TestSize(t *testing.T) {
	drainSizeLeaks(t)
	ts := drainFiles(t)
	for path, tt := range map[string]struct {
		n   int64
		err error
	}{
		"/0":          {0, nil},
		"/1000000000": {1e9, nil}, // not downloaded: this test is fast
		"/chunked/10": {0, ch08.ErrNoSize},
		"/none":       {0, ch08.StatusError(404)},
	} {
		n, err := ch08.Size(t.Context(), ts.Client(), ts.URL+path)
		if n != tt.n || !errors.Is(err, tt.err) {
			t.Errorf("Size(%s) = %d, %v, want %d, %v", path, n, err, tt.n, tt.err)
		}
	}
	if _, err := ch08.Size(t.Context(), ts.Client(), "http://%zz/"); err == nil {
		t.Error("Size of a malformed URL succeeded")
	}
}

func TestGetLimited(t *testing.T) {
	drainSizeLeaks(t)
	ts := drainFiles(t)
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
		{"/gzip/100000", 0, ch08.ErrTooLarge}, // in some 150 bytes on the wire
		{"/cut", 0, io.ErrUnexpectedEOF},
		{"/none", 0, ch08.StatusError(404)},
	} {
		b, err := ch08.GetLimited(t.Context(), ts.Client(), ts.URL+tt.path, 1000)
		if len(b) != tt.n || !errors.Is(err, tt.err) {
			t.Errorf("GetLimited(%s, 1000) = %d bytes, %v, want %d, %v", tt.path, len(b), err, tt.n, tt.err)
		}
		t.Logf("%-20s %4d bytes, %v", tt.path, len(b), err)
	}
}

// What a server announces is not allocated before it has come, whatever the limit; a
// limit below 0 is 0.
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
		client := &http.Client{Transport: drainAnnounced(tt.size)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ch08.GetLimited(t.Context(), client, "http://peer.example/", tt.limit)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, tt.want) {
			t.Errorf("GetLimited(%d announced, %d) error = %v, want %v", tt.size, tt.limit, err, tt.want)
		}
		if strings.Contains(fmt.Sprint(err), "-") {
			t.Errorf("GetLimited(%d announced, %d) error = %v: of negative sizes", tt.size, tt.limit, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
			t.Errorf("GetLimited(%d announced, %d) allocates %d bytes, want at most 2 MiB",
				tt.size, tt.limit, n)
		}
	}
}

// drainAnnounced answers with that length, and three bytes.
type drainAnnounced int64

func (size drainAnnounced) RoundTrip(r *http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader("cut"), iotest.ErrReader(io.ErrUnexpectedEOF))
	return &http.Response{StatusCode: 200, ContentLength: int64(size), Body: io.NopCloser(body),
		Request: r}, nil
}

// A body within the limit is read to its end, so that its connection is reused.
func TestGetLimitedReuses(t *testing.T) {
	drainSizeLeaks(t)
	ts := drainFiles(t)
	made := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if !i.Reused {
				made++
			}
		},
	})
	for _, path := range []string{"/1000", "/chunked/1000", "/1000", "/chunked/999", "/0"} {
		if _, err := ch08.GetLimited(ctx, ts.Client(), ts.URL+path, 1000); err != nil {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d connections for 5 requests, want 1", made)
	}
}

// 64 KiB left unread: to drain them costs less than the connection that is lost
// without. Counted by SetBytes: the body, though nobody wants it.
func BenchmarkDrain(b *testing.B) {
	ts := drainFiles(b)
	for _, bb := range []struct {
		name string
		done func(io.ReadCloser) error
	}{
		{"close", func(body io.ReadCloser) error { return body.Close() }},
		{"drain", func(body io.ReadCloser) error { _, err := ch08.Drain(body, 1<<20); return err }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(64 << 10)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := ts.Client().Get(ts.URL + "/65536")
				if err != nil {
					b.Fatal(err)
				}
				if err := bb.done(resp.Body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestDrainAllocates(t *testing.T) {
	r := strings.NewReader(strings.Repeat("x", 100<<10))
	body := io.NopCloser(struct{ io.Reader }{r}) // without WriterTo, like a response's
	if n := testing.AllocsPerRun(100, func() {
		r.Seek(0, io.SeekStart) // cannot fail on a strings.Reader
		ch08.Drain(body, 1<<20)
	}); n > 1 { // the io.LimitedReader of io.CopyN
		t.Errorf("Drain allocates %v times, want at most 1", n)
	}
}

// An announced body is read into a slice made once; io.ReadAll grows one as it goes.
func BenchmarkGetLimited(b *testing.B) {
	ts := drainFiles(b)
	for _, path := range []string{"/1048576", "/chunked/1048576"} {
		b.Run(strings.ReplaceAll(path[1:], "/", "-"), func(b *testing.B) {
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ch08.GetLimited(b.Context(), ts.Client(), ts.URL+path, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleDrain() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 300<<10)) // 300 KiB
	}))
	defer ts.Close()
	for _, limit := range []int64{512 << 10, 4 << 10} {
		resp, err := ts.Client().Get(ts.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		n, err := ch08.Drain(resp.Body, limit)
		fmt.Println(n, err)
	}
	// Output:
	// 307200 <nil>
	// 4097 drain: body above the limit: more than 4096 bytes
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
	// "" drain: body above the limit: 20 bytes announced, limit 19
}
