package ch09_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"network-programming-with-go/ch09"
)

// What net/http does against the letter of the RFCs, or did. A test that fails here with a
// new release of Go brings good news: change the note, and the table.
func TestQuirkRanges(t *testing.T) {
	files := ch09.FileServer(fstest.MapFS{"digits": {Data: []byte("0123456789")}, "empty": {}})
	for _, tt := range []struct {
		name, path, value string
		rfc               string // what RFC 9110, section 14 says
		status            int    // what Go 1.26 and 1.27 do
		contentRange      string
	}{
		{"last 0 bytes", "/digits", "bytes=-0", "416: nothing can satisfy it", 206, "bytes 10-9/10"},
		{"unknown unit", "/digits", "items=0-5", "200: ignore it", 416, ""},
		{"last byte of nothing", "/empty", "bytes=-1", "416 or 200", 206, "bytes 0--1/0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.path, nil)
			r.Header.Set("Range", tt.value)
			rec := httptest.NewRecorder()
			files.ServeHTTP(rec, r)
			got := rec.Header().Get("Content-Range")
			t.Logf("%s: Range: %s of %s = %d, %q; the RFC: %s", runtime.Version(), tt.value, tt.path, rec.Code, got, tt.rfc)
			if rec.Code != tt.status || got != tt.contentRange {
				t.Errorf("Range: %s = %d, %q, want %d, %q", tt.value, rec.Code, got, tt.status, tt.contentRange)
			}
		})
	}
}

// The redirect of an unclean path encodes what is encoded, up to Go 1.26.
func TestQuirkMuxRedirectEncodesTwice(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/static/", http.NotFoundHandler())
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequest("GET", "/static//a%20b.txt", nil))
	want := "/static/a%20b.txt"
	if strings.HasPrefix(runtime.Version(), "go1.26") {
		want = "/static/a%2520b.txt" // which names another file
	}
	got := rec.Header().Get("Location")
	t.Logf("%s: /static//a%%20b.txt redirects to %s", runtime.Version(), got)
	if got != want {
		t.Errorf("Location = %s, want %s", got, want)
	}
}

// A request with both lengths may be an attempt to smuggle another one in. RFC 9112, section
// 6.1 lets a server take the chunks, but then the connection must be closed.
func TestQuirkBothLengths(t *testing.T) {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body) // error: shows in the body below
	}))
	defer ts.Close()
	conn, err := net.Dial("tcp", ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // cannot fail: conn is open
	_, open := br.ReadByte()
	kept := errors.Is(open, os.ErrDeadlineExceeded)
	t.Logf("%s: %s %q, connection kept %t", runtime.Version(), resp.Status, body, kept)
	if string(body) != "hello" || err != nil || !kept {
		t.Errorf("both lengths: %q, %v, connection kept %t, want hello by the chunks, kept true", body, err, kept)
	}
}
