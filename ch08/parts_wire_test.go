package ch08_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// partsWireHandler has ten seconds for a request, as from http.Server.ReadTimeout. The
// status tells how the form ended.
func partsWireHandler(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Second))
	for part, err := range ch08.Parts(w, r, 200) {
		if err == nil {
			_, err = io.Copy(io.Discard, part)
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			w.WriteHeader(http.StatusRequestTimeout)
			return
		} else if errors.Is(err, ch08.ErrNotForm) {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		} else if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
}

// A client sends a header, and perhaps a part of the body, and waits. The server closes the
// connection half a second after the refusal, in Go 1.27 a second after it. net/http
// alone would keep it open until ReadTimeout.
func TestPartsClosesRefused(t *testing.T) {
	t.Parallel()
	const form, part = "multipart/form-data; boundary=B", "--B\r\n\r\nx\r\n"
	const half = 500 * time.Millisecond
	for _, tt := range []struct {
		name, contentType, header, body string
		code                            int
		responds                        time.Duration
	}{
		{"413, expects 100", form, "Expect: 100-continue\r\nContent-Length: 201", "", 413, 0},
		{"413, 256 KiB", form, "Expect: 100-continue\r\nContent-Length: 262144", "", 413, 0},
		{"413, 1 TiB", form, "Expect: 100-continue\r\nContent-Length: 1099511627776", "", 413, 0},
		{"413, cut", form, "Content-Length: 1000", part, 413, 0},
		{"413, chunked", form, "Transfer-Encoding: chunked", fmt.Sprintf("d2\r\n%s%200d\r\n", part, 0), 413, 0},
		{"415, expects 100", "text/plain", "Expect: 100-continue\r\nContent-Length: 5", "", 415, 0},
		{"415, one byte", "text/plain", "Expect: 100-continue\r\nContent-Length: 1", "", 415, 0},
		{"415, cut", "text/plain", "Content-Length: 5", "1", 415, half},
		{"400, cut", form, "Content-Length: 100", "--B\r\nno header\r\n\r\n", 400, half},
		{"408", form, "Content-Length: 100", part, 408, 10 * time.Second},
		{"408 in a header", form, "Content-Length: 100", "--B\r\nX", 408, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, err := pipe.Serve(t, partsWireHandler).Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				start := time.Now()
				fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: peer.example\r\nContent-Type: %s\r\n%s\r\n\r\n%s",
					tt.contentType, tt.header, tt.body) // a failure shows at the response
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); resp.StatusCode != tt.code || !resp.Close || got != tt.responds {
					t.Errorf("response = %s after %v, close %t, want %d after %v, close true",
						resp.Status, got, resp.Close, tt.code, tt.responds)
				}
				io.Copy(io.Discard, conn) // ends when the server closes
				if got := time.Since(start); got > tt.responds+time.Second {
					t.Errorf("the server closes after %v, want at most 1s after the response", got)
				}
			})
		})
	}
}
