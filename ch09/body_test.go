package ch09_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

// bodySend sends request to h and returns the response, how long it took, and how long the
// server then took to close the connection, or an hour if it did not. The client sends
// no more after rest.
func bodySend(t *testing.T, h http.Handler, request, rest string) (resp *http.Response, took, closed time.Duration) {
	t.Helper()
	srv := ch09.NewServer("", h)
	srv.IdleTimeout = 24 * time.Hour // so that only a refused body closes a connection
	l := memory.Listen()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	conn := l.Dial(t)
	start := time.Now()
	go func() {
		io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")+rest) // error: see the response
	}()
	conn.SetReadDeadline(start.Add(time.Hour)) // cannot fail: conn is open
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	took = time.Since(start)
	io.Copy(io.Discard, resp.Body) // an error shows below
	resp.Body.Close()
	br.ReadByte() // until the server closes, or the hour is over
	closed = time.Since(start) - took
	conn.Close()
	srv.Close() // closes l too
	<-served
	return resp, took, closed
}

// Each refusal closes the connection as it announces, and what a client reads is ours.
func TestRefusedBody(t *testing.T) {
	const (
		expect  = "POST / HTTP/1.1\nHost: a.test\nExpect: 100-continue\nContent-Length: 8000\n\n"
		chunked = "POST / HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n"
		short   = "POST / HTTP/1.1\nHost: a.test\nContent-Length: 10\n\n"
	)
	wrapped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch09.DefaultHandler().ServeHTTP(ch09.NewStatusWriter(w), r)
	})
	notFound := ch09.CloseUnread(http.NotFoundHandler())
	for _, tt := range []struct {
		name          string
		h             http.Handler
		request, rest string
		status        int
		took          time.Duration
	}{
		{"client that waits to send", ch09.DefaultHandler(), expect, "", 413, 0},
		{"the same, wrapped", wrapped, expect, "", 413, 0},
		{"the same, of a handler that reads nothing", notFound, expect, "", 404, 0},
		{"endless body", ch09.DefaultHandler(), chunked, "1388\r\n" + strings.Repeat("a", 5000) + "\r\n", 413, 0},
		{"the same, wrapped", wrapped, chunked, "1388\r\n" + strings.Repeat("a", 5000) + "\r\n", 413, 0},
		{"body that does not come", ch09.DefaultHandler(), short, "half", 408, ch09.ReadTimeout},
		{"broken chunks", ch09.DefaultHandler(), chunked, "zz\r\n", 400, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, took, closed := bodySend(t, tt.h, tt.request, tt.rest)
				t.Logf("%s after %v, closed %v later", resp.Status, took, closed)
				if resp.StatusCode != tt.status || took != tt.took || !resp.Close {
					t.Errorf("response = %s after %v, announces the end: %t, want %d after %v, true",
						resp.Status, took, resp.Close, tt.status, tt.took)
				}
				if closed > time.Second {
					t.Errorf("closed %v after the response, want a second at most", closed)
				}
			})
		})
	}
}

// Without CloseUnread net/http waits for the body that the refused client will not send.
func TestRefusedBodyWithoutCloseUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, closed := bodySend(t, http.NotFoundHandler(),
			"POST / HTTP/1.1\nHost: a.test\nExpect: 100-continue\nContent-Length: 8000\n\n", "")
		t.Logf("closed %v after the response", closed)
		if closed < ch09.ReadTimeout || closed > ch09.ReadTimeout+time.Second {
			t.Errorf("closed %v after the response, want %v: is CloseUnread still needed?", closed, ch09.ReadTimeout)
		}
	})
}

// What a handler leaves of a body that did come is read by net/http, to keep the
// connection. CloseUnread takes nothing from that.
func TestUnreadBody(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    http.Handler
		size int
		kept bool
	}{
		{"256 KiB", http.NotFoundHandler(), 256<<10 - 1, true},
		{"300 KiB", http.NotFoundHandler(), 300 << 10, false},
		{"256 KiB, in CloseUnread", ch09.CloseUnread(http.NotFoundHandler()), 256<<10 - 1, true},
		{"300 KiB, in CloseUnread", ch09.CloseUnread(http.NotFoundHandler()), 300 << 10, false},
		{"read by the handler", ch09.CloseUnread(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // error: shows in whether the connection is kept
		})), 300 << 10, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, _, closed := bodySend(t, tt.h, fmt.Sprintf(
					"POST / HTTP/1.1\nHost: a.test\nContent-Length: %d\n\n", tt.size), strings.Repeat("a", tt.size))
				kept := !resp.Close && closed >= time.Hour-time.Minute
				t.Logf("%d bytes unread: %s, connection kept %t", tt.size, resp.Status, kept)
				if kept != tt.kept {
					t.Errorf("%d bytes unread: connection kept %t, want %t", tt.size, kept, tt.kept)
				}
			})
		})
	}
}

// A connection that the handler hijacked is not CloseUnread's any more.
// Nothing is announced over HTTP/2, where a stream ends and the connection stays.
// deadlineWriter notes the read deadline that it is given.
// CloseUnread moves no deadline where the connection may be kept.
