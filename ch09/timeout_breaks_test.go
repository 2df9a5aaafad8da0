package ch09_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// What it breaks: streaming, deadlines, full duplex, hijacking and sendfile.
func TestTimeoutHandlerBreaks(t *testing.T) {
	ts := httptest.NewServer(http.TimeoutHandler(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			rc := http.NewResponseController(w)
			_, _, hijack := rc.Hijack()
			for name, err := range map[string]error{
				"Flush":            rc.Flush(),
				"SetReadDeadline":  rc.SetReadDeadline(time.Time{}),
				"SetWriteDeadline": rc.SetWriteDeadline(time.Time{}),
				"EnableFullDuplex": rc.EnableFullDuplex(),
				"Hijack":           hijack,
			} {
				t.Logf("%s: %v", name, err)
				if !errors.Is(err, http.ErrNotSupported) {
					t.Errorf("%s behind TimeoutHandler: %v, want http.ErrNotSupported", name, err)
				}
			}
			if _, ok := w.(io.ReaderFrom); ok {
				t.Error("behind TimeoutHandler the writer has ReadFrom, want none")
			}
			w.WriteHeader(http.StatusOK)
		}), time.Hour, ""))
	defer ts.Close()
	resp, err := ts.Client().Get(ts.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

// It takes an informational status for the final one, so the real one is lost.
func TestTimeoutHandlerLosesStatusAfterEarlyHints(t *testing.T) {
	hints := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "no such page")
	}
	for _, tt := range []struct {
		name string
		h    http.Handler
		want int
	}{
		{"direct", http.HandlerFunc(hints), http.StatusNotFound},
		{"TimeoutHandler", http.TimeoutHandler(http.HandlerFunc(hints), time.Hour, ""), http.StatusOK},
	} {
		ts := httptest.NewUnstartedServer(tt.h)
		ts.Config.ErrorLog = log.New(io.Discard, "", 0) // TimeoutHandler sends two statuses
		ts.Start()
		resp, err := ts.Client().Get(ts.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		ts.Close()
		t.Logf("103, then 404, %s: client has %d", tt.name, resp.StatusCode)
		if resp.StatusCode != tt.want {
			t.Errorf("103, then 404, %s: client has %d, want %d", tt.name, resp.StatusCode, tt.want)
		}
	}
}

// A panic of the handler comes through as one, in time or not at all.
func TestTimeoutHandlerPanic(t *testing.T) {
	defer func() {
		if got := recover(); got != "boom" {
			t.Errorf("recovered %v, want boom", got)
		}
	}()
	boom := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })
	http.TimeoutHandler(boom, time.Hour, "").ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}
