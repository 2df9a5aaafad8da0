package ch08_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"network-programming-with-go/ch08"
)

// multipartLines is a file of size bytes that costs nothing: one block, written again
// and again. Its line ends are what a parser stops at in its search for a boundary.
type multipartLines struct {
	block      []byte
	size, sent int64
}

func (*multipartLines) Read([]byte) (int, error) { return 0, errors.New("WriteTo is used") }

func (l *multipartLines) WriteTo(w io.Writer) (int64, error) {
	for l.sent < l.size {
		n, err := w.Write(l.block)
		if l.sent += int64(n); err != nil {
			return l.sent, err
		}
	}
	return l.size, nil
}

// multipartDirect hands each request to its handler, with no more than a buffer between.
type multipartDirect http.HandlerFunc

func (h multipartDirect) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	server := r.Clone(r.Context())
	server.Body = io.NopCloser(bufio.NewReaderSize(r.Body, 128<<10)) // 128 KiB
	w := httptest.NewRecorder()
	h(w, server)
	return w.Result(), nil
}

// 256 MiB from client to server, and 16 MiB of it over TCP: what both sides allocate in
// all, which bounds what they hold at any moment. Not parallel, as it counts.
func TestMultipartConstantMemory(t *testing.T) {
	var got int64
	h := func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 64<<10)
		for part, err := range ch08.Parts(w, r, 1<<30) {
			for err == nil {
				var n int
				n, err = part.Read(buf)
				got += int64(n)
			}
			if err != io.EOF {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
	}
	ts := httptest.NewServer(http.HandlerFunc(h))
	defer ts.Close()
	for _, tt := range []struct {
		name   string
		client *http.Client
		size   int64
	}{
		{"in memory", &http.Client{Transport: multipartDirect(h)}, 256 << 20},
		{"over TCP", ts.Client(), 16 << 20},
	} {
		lines := &multipartLines{size: tt.size,
			block: bytes.Repeat([]byte(strings.Repeat("x", 62)+"\r\n"), 2<<10)} // 128 KiB
		got = 0
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		resp, err := ch08.PostMultipart(t.Context(), tt.client, ts.URL,
			ch08.Part{Name: "file", FileName: "lines", Data: lines})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d bytes sent, %d allocated by both sides", tt.name, got, allocated)
		if resp.StatusCode != 200 || got != tt.size {
			t.Errorf("%s: status %d, %d bytes of %d, want 200 and all",
				tt.name, resp.StatusCode, got, tt.size)
		}
		if allocated > 2<<20 {
			t.Errorf("%s: %d bytes allocated, want at most 2 MiB", tt.name, allocated)
		}
	}
}
