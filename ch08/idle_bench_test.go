package ch08_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"network-programming-with-go/ch08"
)

// idleZeros responds to every request with an endless body.
type idleZeros struct{}

func (idleZeros) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(idleZeros{}), Request: r}, nil
}
func (idleZeros) Read(p []byte) (int, error) { return len(p), nil }

func TestGetIdleReadAllocatesNothing(t *testing.T) {
	client := &http.Client{Transport: idleZeros{}}
	resp, err := ch08.GetIdle(t.Context(), client, "http://peer.example/", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 4<<10)
	if n := testing.AllocsPerRun(100, func() { resp.Body.Read(buf) }); n != 0 {
		t.Errorf("a read allocates %v times, want 0", n)
	}
}

// What the moving timeout costs, compared with none. SetBytes counts the body.
func BenchmarkGetIdle(b *testing.B) {
	const size = 8 << 20 // 8 MiB
	chunk := make([]byte, 64<<10)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range size / len(chunk) {
			w.Write(chunk) // a client that failed fails the benchmark
		}
	}))
	defer ts.Close()
	client := ts.Client()
	for _, bb := range []struct {
		name string
		get  func() (*http.Response, error)
	}{
		{"plain", func() (*http.Response, error) { return client.Get(ts.URL) }},
		{"idle", func() (*http.Response, error) {
			return ch08.GetIdle(b.Context(), client, ts.URL, time.Minute)
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			buf := make([]byte, 32<<10)
			for b.Loop() {
				resp, err := bb.get()
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{resp.Body}, buf)
				resp.Body.Close()
				if err != nil || n != size {
					b.Fatal(n, err)
				}
			}
		})
	}
}
