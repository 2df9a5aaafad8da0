package ch09_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// timeoutServe passes one GET through http.TimeoutHandler and returns the answer and how
// long the client waited for it.
func timeoutServe(limit time.Duration, h http.HandlerFunc) (
	*httptest.ResponseRecorder, time.Duration) {
	start := time.Now()
	rec := httptest.NewRecorder()
	http.TimeoutHandler(h, limit, "gave up\n").ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	return rec, time.Since(start)
}

func TestTimeoutHandler(t *testing.T) {
	const limit = time.Second
	for _, tt := range []struct {
		name   string
		work   time.Duration
		status int
		body   string
		took   time.Duration
	}{
		{"in time", limit - 1, http.StatusTeapot, "done\n", limit - 1},
		{"late", limit + 1, http.StatusServiceUnavailable, "gave up\n", limit},
	} {
		synctest.Test(t, func(t *testing.T) {
			rec, took := timeoutServe(limit, func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(tt.work)
				w.WriteHeader(http.StatusTeapot)
				io.WriteString(w, "done\n") // error: see TestTimeoutHandlerLateWrite
			})
			t.Logf("%s: %d %q after %v", tt.name, rec.Code, rec.Body, took)
			if rec.Code != tt.status || took != tt.took {
				t.Errorf("%s: %d after %v, want %d after %v", tt.name, rec.Code, took, tt.status, tt.took)
			}
			if got := rec.Body.String(); got != tt.body {
				t.Errorf("%s: body = %q, want %q", tt.name, got, tt.body)
			}
			time.Sleep(time.Second) // lets the late handler end before the bubble does
		})
	}
}

// The handler is told, by its context and by its writes, but nothing stops it: it goes on
// holding memory and whatever it has locked until it looks.
func TestTimeoutHandlerLateWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrote := make(chan error, 1)
		rec, took := timeoutServe(time.Second, func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(time.Hour) // work that does not look at the context
			_, err := io.WriteString(w, "late")
			wrote <- err
		})
		start := time.Now()
		err := <-wrote
		t.Logf("client had %d after %v; its handler wrote %v later: %v",
			rec.Code, took, time.Since(start), err)
		if !errors.Is(err, http.ErrHandlerTimeout) {
			t.Errorf("late Write error = %v, want http.ErrHandlerTimeout", err)
		}
		if got := time.Since(start); got != time.Hour {
			t.Errorf("handler ended %v after its timeout, want 1h: nothing stops it", got)
		}
		if got := rec.Body.String(); got != "gave up\n" {
			t.Errorf("body = %q, want the timeout's alone", got)
		}
	})
}

// It holds the whole answer in memory until the handler returns: the client's first byte
// comes as late as the last one.
func TestTimeoutHandlerBuffers(t *testing.T) {
	const size = 1 << 20 // 1 MiB
	counter := &timeoutCounter{ResponseWriter: httptest.NewRecorder()}
	h := http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 64<<10)
		for range size / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				t.Error(err)
			}
		}
		t.Logf("handler wrote %d bytes, the client had %d of them", size, counter.n)
		if counter.n != 0 {
			t.Errorf("%d bytes sent before the handler returned, want 0", counter.n)
		}
	}), time.Hour, "")
	h.ServeHTTP(counter, httptest.NewRequest("GET", "/", nil))
	if counter.n != size || counter.writes != 1 {
		t.Errorf("sent %d bytes in %d writes, want %d in 1", counter.n, counter.writes, size)
	}
}

type timeoutCounter struct {
	http.ResponseWriter
	n, writes int
}

func (c *timeoutCounter) Write(p []byte) (int, error) {
	c.n += len(p)
	c.writes++
	return len(p), nil
}

// Written directly, the same page costs nothing: it belongs to the handler.
func BenchmarkTimeoutHandler(b *testing.B) {
	page := bytes.Repeat([]byte("x"), 64<<10)
	h := http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(page) // error: the benchmark's writer has none
	}), time.Hour, "")
	w := &timeoutCounter{ResponseWriter: httptest.NewRecorder()}
	r := httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func Example_timeoutHandler() {
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // a handler that looks at its context ends in time
	})
	rec := httptest.NewRecorder()
	http.TimeoutHandler(slow, time.Millisecond, "try again later").
		ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	fmt.Println(rec.Code, strings.TrimSpace(rec.Body.String()))
	// Output: 503 try again later
}
