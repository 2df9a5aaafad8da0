package ch09_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"network-programming-with-go/ch09"
)

func TestLogRequestsHostileText(t *testing.T) {
	handlers := map[string]func(io.Writer) slog.Handler{
		"TextHandler": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"JSONHandler": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	}
	for _, tt := range []struct {
		name, method, path string
		has, hasNot        string
	}{
		{"long path", "GET", "/" + strings.Repeat("a", 66_000), "(64977 bytes cut)", ""},
		{"long path of controls", "GET", "/" + strings.Repeat("\u009b", 33_000), "bytes cut)", "\u009b"},
		{"long method", strings.Repeat("M", 66_000), "/", "(64976 bytes cut)", ""},
		{"longest that fits", "GET", "/" + strings.Repeat("a", 1023), strings.Repeat("a", 1023), "cut"},
		{"one more", "GET", "/" + strings.Repeat("a", 1024), "(1 bytes cut)", ""},
		{"C1 control", "GET", "/a\u009b31m", `u009b31m`, "\u009b"},
		{"DEL", "GET", "/a\u007f", `u007f`, "\u007f"},
		{"right to left", "GET", "/a\u202ecod.exe", `u202ecod.exe`, "\u202e"},
		{"zero width", "GET", "/a\u200bb", `u200bb`, "\u200b"},
		{"line separator", "GET", "/a\u2028b", `u2028b`, "\u2028"},
		{"broken UTF-8", "GET", "/a\x9bb", `ufffdb`, "\x9b"},
		{"ESC", "GET", "/a\x1b[31m", `[31m`, "\x1b"},
		{"newline", "GET", "/a\nlevel=ERROR", `\nlevel=ERROR`, "\nlevel"},
		{"other scripts stay", "GET", "/\u00e9\u4e16", "/\u00e9\u4e16", "u00e9"},
	} {
		for name, handler := range handlers {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				var out bytes.Buffer
				h := ch09.LogRequests(slog.New(handler(&out)))(http.NotFoundHandler())
				r := httptest.NewRequest("GET", "/", nil)
				r.Method, r.URL.Path = tt.method, tt.path
				h.ServeHTTP(httptest.NewRecorder(), r)
				line := strings.TrimSuffix(out.String(), "\n")
				t.Logf("%.200s", line)
				if len(line) > 2<<10 || strings.Contains(line, "\n") {
					t.Errorf("a log of %d bytes, %d of them newlines, want 2 KiB at most and none",
						len(line), strings.Count(line, "\n"))
				}
				if !strings.Contains(line, tt.has) || tt.hasNot != "" && strings.Contains(line, tt.hasNot) {
					t.Errorf("log %.200q, want %q in it and not %q", line, tt.has, tt.hasNot)
				}
			})
		}
	}
}
