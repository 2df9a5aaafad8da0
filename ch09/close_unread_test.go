package ch09_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/memory"
)

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

type bodyDeadlines struct {
	http.ResponseWriter
	set bool
}

func (w *bodyDeadlines) SetReadDeadline(time.Time) error { w.set = true; return nil }

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
