package ch09_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	srv.IdleTimeout = 24 * time.Hour // so that only a connection that is given up closes
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
		if closed != ch09.ReadTimeout {
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
func TestCloseUnreadHijacked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := ch09.CloseUnread(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			go func() {
				defer conn.Close()
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n") // error: see the client
				io.CopyN(conn, rw, 5)
			}()
		}))
		l := memory.Listen()
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(ch09.NewStatusWriter(w), r)
		})}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		conn := l.Dial(t)
		defer conn.Close()
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		br := bufio.NewReader(conn)
		if _, err := http.ReadResponse(br, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		fmt.Fprint(conn, "hello")
		if b, err := io.ReadAll(br); string(b) != "hello" || err != nil {
			t.Errorf("a minute after Hijack: %q, %v, want hello", b, err)
		}
		srv.Close()
		<-served
	})
}

// Nothing is announced over HTTP/2, where a stream ends and the connection stays.
func TestBodyErrorHTTP2(t *testing.T) {
	for _, tt := range []struct {
		major int
		want  string
	}{{1, "close"}, {2, ""}} {
		rec, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil)
		r.ProtoMajor = tt.major
		ch09.BodyError(rec, r, errors.New("dial tcp 192.0.2.1:80: secret"))
		if got := rec.Header().Get("Connection"); got != tt.want {
			t.Errorf("HTTP/%d: Connection = %q, want %q", tt.major, got, tt.want)
		}
		if got, want := rec.Body.String(), "the body cannot be read\n"; rec.Code != 400 || got != want {
			t.Errorf("HTTP/%d: %d %q, want 400 %q and nothing of the error", tt.major, rec.Code, got, want)
		}
	}
}

// deadlineWriter notes the read deadline that it is given.
type bodyDeadlines struct {
	http.ResponseWriter
	set bool
}

func (w *bodyDeadlines) SetReadDeadline(time.Time) error { w.set = true; return nil }

// CloseUnread moves no deadline where the connection may be kept.
func TestCloseUnreadLeavesAlone(t *testing.T) {
	closes := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }
	keeps := func(http.ResponseWriter, *http.Request) {}
	for _, tt := range []struct {
		name   string
		major  int
		length int64
		expect string
		next   http.HandlerFunc
		want   bool
	}{
		{"announced", 1, 5, "", closes, true},
		{"unknown length", 1, -1, "", closes, true},
		{"waits to send", 1, 5, "100-continue", keeps, true},
		{"kept", 1, 5, "", keeps, false},
		{"no body", 1, 0, "", closes, false},
		{"HTTP/2", 2, 5, "", closes, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &bodyDeadlines{ResponseWriter: httptest.NewRecorder()}
			r := httptest.NewRequest("POST", "/", nil)
			r.ProtoMajor, r.ContentLength = tt.major, tt.length
			if tt.expect != "" {
				r.Header.Set("Expect", tt.expect)
			}
			ch09.CloseUnread(tt.next).ServeHTTP(w, r)
			if w.set != tt.want {
				t.Errorf("deadline set %t, want %t", w.set, tt.want)
			}
		})
	}
}

var _ net.Listener = (*memory.Listener)(nil)
