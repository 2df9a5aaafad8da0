package ch09_test

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Each handler answers in an order that net/http accepts without an error. What the
// client gets is another matter.
var pitfallHandlers = []struct {
	name    string
	handler http.HandlerFunc
	status  int
	header  string // X-Order, as a client sees it
	body    string
	logged  string // what a real server says in its error log
}{
	{"status first", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Order", "kept")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, "bad request") // error: a client that went away; so below
	}, 400, "kept", "bad request", ""},

	{"body first", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "bad request") // sends 200
		w.WriteHeader(http.StatusBadRequest)
	}, 200, "", "bad request", "superfluous response.WriteHeader call"},

	{"header after status", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		w.Header().Set("X-Order", "lost") // without a word
	}, 400, "", "", ""},

	{"header after body", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "bad request")
		w.Header().Set("X-Order", "lost")
	}, 200, "", "bad request", ""},

	{"http.Error", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "bad request", http.StatusBadRequest) // the order, done right
	}, 400, "", "bad request\n", ""},

	{"http.Error without return", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "bad request", http.StatusBadRequest)
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "secret") // goes out as well
	}, 400, "", "bad request\nsecret", "superfluous response.WriteHeader call"},

	{"http.Error after body", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half an ans")
		http.Error(w, "failed", http.StatusInternalServerError) // too late
	}, 200, "", "half an ansfailed\n", "superfluous response.WriteHeader call"},
}

func TestPitfallOnRealServer(t *testing.T) {
	for _, tt := range pitfallHandlers {
		t.Run(tt.name, func(t *testing.T) {
			var logged bytes.Buffer // read after Close, which waits for the handler
			ts := httptest.NewUnstartedServer(tt.handler)
			ts.Config.ErrorLog = log.New(&logged, "", 0)
			ts.Start()
			defer ts.Close()
			resp, err := ts.Client().Get(ts.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			ts.Close()
			t.Logf("%d, X-Order %q, %q, log %.60q", resp.StatusCode,
				resp.Header.Get("X-Order"), body, logged.String())
			pitfallCheck(t, resp, string(body), tt.status, tt.header, tt.body)
			if got := logged.String(); (got == "") != (tt.logged == "") ||
				!strings.Contains(got, tt.logged) {
				t.Errorf("error log = %q, want %q", got, tt.logged)
			}
		})
	}
}

// A recorder's Result shows the same answer, header included, but nothing is logged.
// Its Header method goes on changing after the answer was sent: do not test with that.
func TestPitfallOnRecorder(t *testing.T) {
	for _, tt := range pitfallHandlers {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			tt.handler(rec, httptest.NewRequest("GET", "/", nil))
			late := rec.Header().Get("X-Order")
			t.Logf("%d, Result X-Order %q, Header X-Order %q", rec.Code,
				rec.Result().Header.Get("X-Order"), late)
			pitfallCheck(t, rec.Result(), rec.Body.String(), tt.status, tt.header, tt.body)
			if strings.HasPrefix(tt.name, "header after") && late != "lost" {
				t.Errorf("recorder's Header shows %q, want the header that no client gets", late)
			}
		})
	}
}

func pitfallCheck(t *testing.T, resp *http.Response, got string, status int, header, body string) {
	t.Helper()
	if resp.StatusCode != status || got != body {
		t.Errorf("answer = %d %q, want %d %q", resp.StatusCode, got, status, body)
	}
	if got := resp.Header.Get("X-Order"); got != header {
		t.Errorf("X-Order = %q, want %q", got, header)
	}
}

// http.Error takes back the length of the answer that failed, and stops browsers from
// guessing a type. It leaves what else the handler set for success: that validator or
// encoding is now a lie about the error text, so set them last or delete them.
func TestPitfallErrorAfterHeader(t *testing.T) {
	rec := httptest.NewRecorder()
	rec.Header().Set("ETag", `"1"`)
	rec.Header().Set("Content-Length", "1000")
	rec.Header().Set("Content-Encoding", "gzip")
	rec.Header().Set("Content-Security-Policy", "default-src 'none'")
	http.Error(rec, "failed", http.StatusInternalServerError)
	h := rec.Result().Header
	t.Logf("after http.Error: %v", h)
	for name, want := range map[string]string{
		"Content-Length": "", "ETag": `"1"`, "Content-Encoding": "gzip",
		"Content-Security-Policy": "default-src 'none'",
		"Content-Type":            "text/plain; charset=utf-8",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}
