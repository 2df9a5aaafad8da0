package ch08_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"network-programming-with-go/ch08"
)

// multipartLines is a file of size bytes that takes no memory: the same block again and
// again. A parser that looks for a boundary stops at each line end.
type multipartLines struct {
	block      []byte
	size, sent int64
}

func multipartFile(size int64) *multipartLines {
	line := strings.Repeat("x", 62) + "\r\n"
	return &multipartLines{size: size, block: bytes.Repeat([]byte(line), 1<<10)} // 64 KiB
}

// WriteTo is what a client takes, through io.Copy.
func (l *multipartLines) WriteTo(w io.Writer) (int64, error) {
	for l.sent < l.size {
		n, err := w.Write(l.block)
		if l.sent += int64(n); err != nil {
			return l.sent, err
		}
	}
	return l.size, nil
}

// Read fills only the first MiB: then a parser's buffer holds lines already, and the race
// detector makes each copy expensive.
func (l *multipartLines) Read(p []byte) (int, error) {
	if l.sent == l.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), l.size-l.sent))
	if l.sent < 1<<20 {
		n = copy(p[:n], l.block)
	}
	l.sent += int64(n)
	return n, nil
}

// multipartCount is a server that only counts.
type multipartCount struct{ got int64 }

func (c *multipartCount) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	buf := make([]byte, 64<<10) // as large as the client's writes
	for {
		n, err := r.Body.Read(buf)
		if c.got += int64(n); err == io.EOF {
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		} else if err != nil {
			return nil, err
		}
	}
}

// multipartHandler adds up the bytes of all parts.
func multipartHandler(got *int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 64<<10)
		for part, err := range ch08.Parts(w, r, 1<<30) {
			for err == nil {
				var n int
				n, err = part.Read(buf)
				*got += int64(n)
			}
			if err != io.EOF {
				http.Error(w, "malformed form", http.StatusBadRequest)
				return
			}
		}
	}
}

// What both sides allocate in all bounds what they hold at any moment. 64 MiB leave the
// client, 32 MiB arrive at the server, and 8 MiB go from one to the other over TCP, all
// at the same time. Not parallel, since it counts every allocation of the process.
func TestMultipartConstantMemory(t *testing.T) {
	const large, medium, small = 64 << 20, 32 << 20, 8 << 20
	post := func(client *http.Client, url string, size int64) (int, error) {
		resp, err := ch08.PostMultipart(t.Context(), client, url,
			ch08.Part{Name: "file", FileName: "lines", Data: multipartFile(size)})
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
		return resp.StatusCode, nil
	}
	var count multipartCount
	var parsed, over int64
	ts := httptest.NewServer(multipartHandler(&over))
	defer ts.Close()
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	mw.CreateFormFile("file", "lines") // a bytes.Buffer cannot fail
	head := form.Len()
	mw.Close() // cannot fail either
	ends := form.Bytes()

	sides := []struct {
		name      string
		got       *int64
		min, more int64 // of bytes: the client's include headers and boundaries
		send      func() (status int, err error)
	}{
		{"client", &count.got, large + 1, 1 << 10, func() (int, error) {
			return post(&http.Client{Transport: &count}, ts.URL, large)
		}},
		{"server", &parsed, medium, 0, func() (int, error) {
			r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(
				bytes.NewReader(ends[:head]), multipartFile(medium), bytes.NewReader(ends[head:])))
			r.Header.Set("Content-Type", mw.FormDataContentType())
			w := httptest.NewRecorder()
			multipartHandler(&parsed)(w, r)
			return w.Code, nil
		}},
		{"over TCP", &over, small, 0, func() (int, error) {
			return post(ts.Client(), ts.URL, small)
		}},
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var wg sync.WaitGroup
	for _, side := range sides {
		wg.Go(func() {
			if status, err := side.send(); status != http.StatusOK || err != nil {
				t.Errorf("%s: status %d, %v, want 200", side.name, status, err)
			}
		})
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	for _, side := range sides {
		t.Logf("%s: %d bytes", side.name, *side.got)
		if *side.got < side.min || *side.got > side.min+side.more {
			t.Errorf("%s: %d bytes, want %d and at most %d more",
				side.name, *side.got, side.min, side.more)
		}
	}
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes allocated by all", allocated)
	if allocated > 2<<20 {
		t.Errorf("%d bytes allocated by all, want at most 2 MiB", allocated)
	}
}
