package ch08_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// drainBody responds with size bytes, announced by Content-Length or chunked.
func drainBody(size int, announced bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if announced {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		} else {
			http.NewResponseController(w).Flush() // the header is sent without a length
		}
		io.Copy(w, io.LimitReader(drainZeros{}, int64(size))) // fails if the client has left
	}
}

type drainZeros struct{}

func (drainZeros) Read(p []byte) (int, error) { return len(p), nil }

// drainGet returns a response with its body unread.
func drainGet(t testing.TB, client *http.Client) *http.Response {
	t.Helper()
	resp, err := client.Get("http://peer.example/")
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// Bytes dropped by Drain, and the connections that two requests make. More than the limit
// costs the connection.
func TestDrain(t *testing.T) {
	t.Parallel()
	const size = 600 << 10 // 600 KiB: more than any release drains on Close
	for _, tt := range []struct {
		limit, n, conns int64
		err             error
	}{
		{math.MaxInt64, size, 1, nil},
		{size, size, 1, nil},
		{size/2 - 1, size / 2, 2, ch08.ErrTooLarge},
		{1000, 1001, 2, ch08.ErrTooLarge},
		{0, 1, 2, ch08.ErrTooLarge},
		{-1, 1, 2, ch08.ErrTooLarge},
	} {
		for _, announced := range []bool{true, false} {
			t.Run(fmt.Sprintf("limit %d, announced %t", tt.limit, announced), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := pipe.Serve(t, drainBody(size, announced))
					client, _ := server.Client(t)
					for range 2 {
						n, err := ch08.Drain(drainGet(t, client).Body, tt.limit)
						if n != tt.n || !errors.Is(err, tt.err) {
							t.Errorf("Drain = %d, %v, want %d, %v", n, err, tt.n, tt.err)
						}
						synctest.Wait()
					}
					if got := server.Made.Load(); got != tt.conns {
						t.Errorf("%d connections, want %d", got, tt.conns)
					}
				})
			})
		}
	}
}

type drainCloser struct {
	io.Reader
	closed bool
}

func (c *drainCloser) Close() error { c.closed = true; return nil }

func TestDrainAlwaysCloses(t *testing.T) {
	cut := errors.New("cut")
	for _, tt := range []struct {
		name string
		r    io.Reader
		n    int64
		want error
	}{
		{"empty", strings.NewReader(""), 0, nil},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("1234")), 4, nil},
		{"data with EOF", iotest.DataErrReader(strings.NewReader("1234")), 4, nil},
		{"too long", strings.NewReader("12345"), 5, ch08.ErrTooLarge},
		{"broken", io.MultiReader(strings.NewReader("12"), iotest.ErrReader(cut)), 2, cut},
		{"broken at the limit", io.MultiReader(strings.NewReader("1234"), iotest.ErrReader(cut)), 4, cut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := &drainCloser{Reader: tt.r}
			n, err := ch08.Drain(body, 4)
			if n != tt.n || !errors.Is(err, tt.want) || !body.closed {
				t.Errorf("Drain = %d, %v, closed %t, want %d, %v, true", n, err, body.closed, tt.n, tt.want)
			}
		})
	}
	_, err := ch08.Drain(io.NopCloser(strings.NewReader("1")), -1)
	if got, want := fmt.Sprint(err), "drain: body above the limit: more than 0 bytes"; got != want {
		t.Errorf("Drain with a limit of -1: error = %s, want %s", got, want)
	}
	if n, err := ch08.Drain(nil, 4); n != 0 || err != nil {
		t.Errorf("Drain(nil) = %d, %v, want 0, nil", n, err)
	}
}

// io.Copy to io.Discard is enough if the size is known to be small.
func TestDrainByCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, drainBody(1<<20, true))
		client, _ := server.Client(t)
		for range 3 {
			resp := drainGet(t, client)
			if n, err := io.Copy(io.Discard, resp.Body); n != 1<<20 || err != nil {
				t.Errorf("io.Copy = %d, %v, want 1 MiB", n, err)
			}
			resp.Body.Close()
		}
		if got := server.Made.Load(); got != 1 {
			t.Errorf("%d connections for 3 requests, want 1", got)
		}
	})
}

// A body that is neither read to its end nor closed holds its connection forever.
func TestDrainNeverClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, drainBody(64<<10, true))
		client, _ := server.Client(t)
		var held []*http.Response
		for range 5 {
			held = append(held, drainGet(t, client))
		}
		synctest.Wait()
		client.CloseIdleConnections() // finds none: all five are in use
		if got := server.Open.Load(); got != 5 {
			t.Errorf("%d connections for 5 requests, want 5", got)
		}
		for i, resp := range held { // still held: the body can be read
			if n, err := io.Copy(io.Discard, resp.Body); n != 64<<10 || err != nil {
				t.Errorf("body %d = %d bytes, %v, want 64 KiB", i, n, err)
			}
			resp.Body.Close()
		}
	})
}

func TestDrainAllocates(t *testing.T) {
	r := strings.NewReader(strings.Repeat("x", 100<<10))
	body := io.NopCloser(struct{ io.Reader }{r}) // without WriterTo, as in a response
	if n := testing.AllocsPerRun(100, func() {
		r.Seek(0, io.SeekStart) // cannot fail on a strings.Reader
		ch08.Drain(body, 1<<20)
	}); n > 1 { // the io.LimitedReader of io.CopyN
		t.Errorf("Drain allocates %v times, want at most 1", n)
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
