package ch08_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// postWireHandler has ten seconds for a request, as from http.Server.ReadTimeout.
func postWireHandler(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Second))
	ch08.PostHandler(10, func(_ context.Context, n int) (int, error) { return n, nil }).ServeHTTP(w, r)
}

// A client sends a header, and perhaps a part of the body, and waits. The server closes the
// connection half a second after the refusal, in Go 1.27 a second after it.
func TestPostHandlerClosesRefused(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	const half = 500 * time.Millisecond
	for _, tt := range []struct {
		name, method, contentType, header, body string
		code                                    int
		responds                                time.Duration
	}{
		{"413, expects 100", "POST", jsonType, "Expect: 100-continue\r\nContent-Length: 11", "", 413, 0},
		{"413, 256 KiB", "POST", jsonType, "Expect: 100-continue\r\nContent-Length: 262144", "", 413, 0},
		{"413, 1 TiB", "POST", jsonType, "Expect: 100-continue\r\nContent-Length: 1099511627776", "", 413, 0},
		{"413, cut", "POST", jsonType, "Content-Length: 1000", "12345", 413, 0},
		{"413, chunked", "POST", jsonType, "Transfer-Encoding: chunked", "b\r\n12345678901\r\n", 413, 0},
		{"415, expects 100", "POST", "text/plain", "Expect: 100-continue\r\nContent-Length: 5", "", 415, 0},
		{"415, one byte", "POST", "text/plain", "Expect: 100-continue\r\nContent-Length: 1", "", 415, 0},
		{"415, cut", "POST", "text/plain", "Content-Length: 5", "1", 415, half},
		{"405, expects 100", "PUT", jsonType, "Expect: 100-continue\r\nContent-Length: 5", "", 405, 0},
		{"405, cut", "PUT", jsonType, "Content-Length: 5", "1", 405, half},
		{"408", "POST", jsonType, "Content-Length: 5", "1", 408, 10 * time.Second},
		{"408, chunked", "POST", jsonType, "Transfer-Encoding: chunked", "1\r\n1\r\n", 408, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, err := pipe.Serve(t, postWireHandler).Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				start := time.Now()
				fmt.Fprintf(conn, "%s / HTTP/1.1\r\nHost: peer.example\r\nContent-Type: %s\r\n%s\r\n\r\n%s",
					tt.method, tt.contentType, tt.header, tt.body) // a failure shows at the response
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

// net/http keeps the connection of such a client until ReadTimeout, though it has sent
// "Connection: close", if the rest of the body has at most 256 KiB.
func TestRefusedBodyWaits(t *testing.T) {
	for _, tt := range []struct {
		size int
		want time.Duration // at least
	}{{11, 10 * time.Second}, {256 << 10, 10 * time.Second}, {256<<10 + 1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			conn, err := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				http.NewResponseController(w).SetReadDeadline(time.Now().Add(10 * time.Second))
				w.Header().Set("Connection", "close")
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}).Dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			start := time.Now()
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: peer.example\r\nExpect: 100-continue\r\n"+
				"Content-Length: %d\r\n\r\n", tt.size) // a failure shows at the response
			io.Copy(io.Discard, conn) // ends when the server closes
			if got := time.Since(start); got < tt.want || got > tt.want+time.Second {
				t.Errorf("%d bytes: the server closes after %v, want %v", tt.size, got, tt.want)
			}
		})
	}
}

// The connection of a small refused body that has arrived is used again, without a
// deadline left over.
func TestPostHandlerKeepsRefused(t *testing.T) {
	for _, contentType := range []string{"text/plain", "application/json"} {
		synctest.Test(t, func(t *testing.T) {
			server := pipe.Serve(t, postWireHandler)
			client, _ := server.Client(t)
			for range 3 {
				resp, err := client.Post("http://peer.example/", contentType, strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body) // a failure shows in the count
				resp.Body.Close()
				time.Sleep(time.Minute)
			}
			if got := server.Made.Load(); got != 1 {
				t.Errorf("%s: %d connections for 3 requests, want 1", contentType, got)
			}
		})
	}
}

// A refused body is not sent if the client asks first.
func TestPostHandlerExpectContinue(t *testing.T) {
	for _, tt := range []struct {
		size int64
		code int
	}{{11, 413}, {256 << 10, 413}, {1 << 40, 413}, {1, 200}} {
		synctest.Test(t, func(t *testing.T) {
			client, tr := pipe.Serve(t, postWireHandler).Client(t)
			tr.ExpectContinueTimeout = time.Hour
			sent := false
			body := postWireReader(func(p []byte) (int, error) {
				if sent {
					return 0, io.EOF
				}
				sent = true
				return copy(p, "1"), nil
			})
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://peer.example/", body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = tt.size
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Expect", "100-continue")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.code || sent != (tt.code == 200) {
				t.Errorf("%d bytes: status %d, body sent: %t, want %d", tt.size, resp.StatusCode, sent, tt.code)
			}
			time.Sleep(time.Minute) // the server closes the connection first
		})
	}
}

type postWireReader func([]byte) (int, error)

func (f postWireReader) Read(p []byte) (int, error) { return f(p) }

// What ends a body is not told to the client, which over a proxy is somebody else's.
func TestPostHandlerBodyErrors(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4321},
		Err: errors.New("connection reset by peer")}
	late := &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	for _, tt := range []struct {
		err   error
		proto int
		code  int
		text  string
		close string
	}{
		{reset, 1, 400, "the body is incomplete", ""},
		{io.ErrUnexpectedEOF, 1, 400, "the body is incomplete", ""},
		{late, 1, 408, "the body did not come in time", "close"},
		{late, 2, 408, "the body did not come in time", ""}, // not allowed in HTTP/2
	} {
		r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("1"), iotest.ErrReader(tt.err)))
		r.Header.Set("Content-Type", "application/json")
		r.ProtoMajor = tt.proto
		w := httptest.NewRecorder()
		postWireHandler(w, r)
		if got := strings.TrimSpace(w.Body.String()); w.Code != tt.code || got != tt.text ||
			w.Header().Get("Connection") != tt.close {
			t.Errorf("%v over HTTP/%d: response = %d %q %v, want %d %q, %q",
				tt.err, tt.proto, w.Code, got, w.Header(), tt.code, tt.text, tt.close)
		}
	}
}
