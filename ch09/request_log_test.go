package ch09_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
)

func requestLogMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond) // in a synctest bubble: exact, and no wait
		io.WriteString(w, "hello")
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "failed", http.StatusBadGateway)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	return mux
}

func TestLogRequests(t *testing.T) {
	for _, tt := range []struct {
		name, method, url string
		want              map[string]any
	}{
		{"success", "GET", "/item/7?token=secret", map[string]any{
			"level": "INFO", "method": "GET", "path": "/item/7", "route": "GET /item/{id}",
			"status": 200., "bytes": 5., "duration": 20e6}},
		{"no route", "GET", "/nowhere", map[string]any{
			"level": "INFO", "route": "", "status": 404.}},
		{"server error", "POST", "/fail", map[string]any{
			"level": "ERROR", "method": "POST", "status": 502.}},
		{"panic", "GET", "/panic", map[string]any{
			"level": "ERROR", "route": "/panic", "status": 500., "panicked": true}},
		{"HEAD", "HEAD", "/item/7", map[string]any{"status": 200., "bytes": 0.}},
		{"forged line", "GET", "/a%0Alevel=ERROR%20msg=forged", map[string]any{
			"path": "/a\nlevel=ERROR msg=forged", "status": 404.}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				h := ch09.LogRequests(slog.New(slog.NewJSONHandler(&out, nil)))(requestLogMux())
				func() {
					defer func() {
						if got := recover(); (got != nil) != (tt.name == "panic") {
							t.Errorf("recovered %v", got)
						}
					}()
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(tt.method, tt.url, nil))
				}()
				t.Logf("%s", out.Bytes())
				if n := strings.Count(out.String(), "\n"); n != 1 {
					t.Errorf("%d lines logged, want 1", n)
				}
				if strings.Contains(out.String(), "secret") {
					t.Error("the query was logged")
				}
				var got map[string]any
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				if _, ok := got["panicked"]; ok != (tt.name == "panic") {
					t.Errorf("panicked in the log: %t", ok)
				}
				for key, want := range tt.want {
					if got[key] != want {
						t.Errorf("%s = %v, want %v", key, got[key], want)
					}
				}
			})
		})
	}
}

// http.MaxBytesHandler hands on a copy of the request, and the mux tells that copy which
// pattern matched. Bound bodies in the handlers, or put it inside of the mux.
func TestLogRequestsRouteHidden(t *testing.T) {
	for _, tt := range []struct {
		name  string
		next  http.Handler
		route string
	}{
		{"mux", requestLogMux(), "/fail"},
		{"mux in MaxBytesHandler", http.MaxBytesHandler(requestLogMux(), 1<<20), ""},
	} {
		var out bytes.Buffer
		h := ch09.LogRequests(slog.New(slog.NewJSONHandler(&out, nil)))(tt.next)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/fail", nil))
		var got struct{ Route string }
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: route %q", tt.name, got.Route)
		if got.Route != tt.route {
			t.Errorf("%s: route %q, want %q", tt.name, got.Route, tt.route)
		}
	}
}

// The route of a CONNECT that ServeMux redirects would be the path that the client chose.
func TestLogRequestsConnect(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/{item}/", func(http.ResponseWriter, *http.Request) {})
	var out bytes.Buffer
	h := ch09.LogRequests(slog.New(slog.NewTextHandler(&out, nil)))(mux)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("CONNECT", "/secret", nil))
	if !strings.Contains(out.String(), `route=""`) {
		t.Errorf("log %q, want no route", out.String())
	}
}

// The level of the handler decides, as with any logger.
func TestLogRequestsBelowLevel(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelError}))
	h := ch09.LogRequests(log)(requestLogMux())
	for _, path := range []string{"/item/7", "/fail"} { // Info, Error
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	if got := out.String(); strings.Contains(got, "/item/7") || !strings.Contains(got, "/fail") {
		t.Errorf("at level Error the log has %s, want /fail alone", got)
	}
}

func TestLogRequestsNil(t *testing.T) {
	rec := httptest.NewRecorder()
	ch09.LogRequests(nil)(requestLogMux()).ServeHTTP(rec, httptest.NewRequest("GET", "/fail", nil))
	if rec.Code != http.StatusBadGateway {
		t.Errorf("without a log: %d, want the handler's 502", rec.Code)
	}
}

// A client decides on the text of its request. It must decide neither how long our line
// is, nor what a terminal or a log reader makes of it.
// A client that leaves is a warning and not our error; a hijacked connection has no
// duration; a panic whose client is there is an error.
func TestLogRequestsLevels(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	leave()
	for _, tt := range []struct {
		name    string
		ctx     context.Context
		handler http.HandlerFunc
		want    string
	}{
		{"last of the client's", t.Context(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(499) }, "level=WARN"},
		{"client's error", t.Context(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(498) }, "level=INFO"},
		{"first of ours", t.Context(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "level=ERROR"},
		{"client left", ctx, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, "level=WARN"},
		{"hijacked", t.Context(), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(101) }, "bytes=0 peer="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			h := ch09.LogRequests(slog.New(slog.NewTextHandler(&out, nil)))(tt.handler)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(tt.ctx, "GET", "/", nil))
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("log %q, want %q in it", &out, tt.want)
			}
		})
	}
}

func ExampleLogRequests() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration" {
				return slog.Attr{} // differ from run to run
			}
			return a
		},
	}))
	h := ch09.LogRequests(log)(http.NotFoundHandler())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nowhere", nil))
	// Output:
	// level=INFO msg=request method=GET path=/nowhere route="" status=404 bytes=19 peer=192.0.2.1:1234
}
