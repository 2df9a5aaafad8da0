package ch09_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch09/internal/command"
)

func TestServerCommand(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./server")
	s := command.Start(t, program, "-listen", "127.0.0.1:0")
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	defer client.CloseIdleConnections()
	do := func(method, path, body string, header ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr+path,
			strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	file, text := do("GET", "/static/notes.txt", "")
	static := int64(len(text)) // bytes sent of /static/
	tag := file.Header.Get("ETag")
	icon, _ := do("GET", "/favicon.ico", "")
	const form = "application/x-www-form-urlencoded"
	tests := []struct {
		method, path, body string
		header             []string
		status             int
		want               string // in the body, or Allow for 405
	}{
		{"GET", "/", "", nil, 200, "Hello, friend!"},
		{"POST", "/", "name=Ada", []string{"Content-Type", form}, 200, "Hello, Ada!"},
		{"POST", "/", "name=" + url.QueryEscape("<script>alert(1)</script>"),
			[]string{"Content-Type", form}, 200, "Hello, &lt;script&gt;alert(1)&lt;/script&gt;!"},
		{"POST", "/", "name=%zz", []string{"Content-Type", form}, 400, ""},
		{"POST", "/", "name=" + strings.Repeat("a", 5000), []string{"Content-Type", form}, 413, ""},
		{"POST", "/", `{"name":"x"}`, []string{"Content-Type", "application/json"}, 415, ""},
		{"POST", "/", "--b--", []string{"Content-Type", "multipart/form-data; boundary=b"}, 415, ""},
		{"POST", "/", "name=x", nil, 415, ""},
		{"POST", "/", "", nil, 200, "Hello, friend!"},
		{"POST", "/", "name=x", []string{"Origin", "http://other.test"}, 403, ""},
		{"POST", "/hello", "Ada", nil, 200, "Hello, Ada!"},
		{"POST", "/hello", strings.Repeat("a", 5000), nil, 413, ""},
		{"GET", "/hello", "", nil, 200, `<html lang="en">`},
		{"GET", "/healthz", "", nil, 200, "ok\n"},
		{"GET", "/readyz", "", nil, 200, "ok\n"},
		{"GET", "/live", "", nil, 200, `<div id="live"><figure>`},
		{"GET", "/metrics.svg", "", nil, 200, "<svg"},
		{"GET", "/favicon.ico", "", nil, 200, "<svg"},
		{"GET", "/favicon.ico", "", []string{"If-None-Match", icon.Header.Get("ETag")}, 304, ""},
		{"GET", "/assets/style.css", "", nil, 200, "prefers-color-scheme"},
		{"GET", "/assets/", "", nil, 404, ""},
		{"GET", "/nowhere", "", nil, 404, ""},
		{"DELETE", "/hello", "", nil, 405, "GET, HEAD, POST"},
		{"TRACE", "/", "", nil, 405, "GET, HEAD, POST"},
		{"TRACE", "/static/notes.txt", "", nil, 405, "GET, HEAD"},
		{"POST", "/healthz", "", nil, 405, "GET, HEAD"},
		{"GET", "/static/notes.txt", "", []string{"Range", "bytes=-64"}, 206, "by eyes.\n"},
		{"GET", "/static/notes.txt", "", []string{"If-None-Match", tag}, 304, ""},
		{"HEAD", "/static/notes.txt", "", nil, 200, ""},
		{"GET", "/static/", "", nil, 200, "<main"},
		{"GET", "/static/.secret", "", nil, 404, ""},
		{"GET", "/static/%2esecret", "", nil, 404, ""},
		{"GET", "/static/%252esecret", "", nil, 404, ""},
		{"GET", "/static/.dir/secret", "", nil, 404, ""},
	}
	for _, tt := range tests {
		resp, body := do(tt.method, tt.path, tt.body, tt.header...)
		t.Logf("%-6s %-20s %d", tt.method, tt.path, resp.StatusCode)
		if strings.HasPrefix(tt.path, "/static/") && tt.method != "TRACE" {
			static += int64(len(body))
		}
		allow, want := resp.Header.Get("Allow"), ""
		if tt.status == http.StatusMethodNotAllowed {
			tt.want, want = "", tt.want
		}
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) ||
			strings.Contains(body, "not for you") || allow != want {
			t.Errorf("%s %s = %d, Allow %q, %.200q, want %d, %q and %q", tt.method, tt.path,
				resp.StatusCode, allow, body, tt.status, want, tt.want)
		}
		if tt.status == http.StatusRequestEntityTooLarge && !resp.Close {
			t.Errorf("%s %s: 413 keeps the connection", tt.method, tt.path)
		}
		if page := tt.method == "GET" && tt.path == "/"; page && resp.ContentLength <= 0 {
			t.Errorf("GET /: length %d, want a Content-Length", resp.ContentLength)
		}
		if got := resp.Header.Get("Cross-Origin-Opener-Policy"); got != "" {
			t.Errorf("%s %s: COOP %q on plain HTTP, where browsers complain about it", tt.method, tt.path, got)
		}
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") ||
			strings.Contains(csp, "unsafe") {
			t.Errorf("%s %s: Content-Security-Policy %q", tt.method, tt.path, csp)
		}
	}

	_, body := do("GET", "/debug/vars", "")
	var vars struct {
		HTTP map[string]struct {
			Requests     int64
			ClientErrors int64 `json:"client_errors"`
			InFlight     int64 `json:"in_flight"`
			Bytes        int64 `json:"response_bytes"`
		}
		Connections, Use map[string]float64
	}
	if err := json.Unmarshal([]byte(body), &vars); err != nil {
		t.Fatalf("/debug/vars: %v in %s", err, body)
	}
	if r := vars.HTTP["GET /static/"]; r.Bytes != static || r.Requests != 9 || r.ClientErrors != 4 {
		t.Errorf("GET /static/ in /debug/vars: %+v, want 9 requests, 4 client errors, %d bytes", r, static)
	}
	if vars.HTTP["GET /debug/vars"].InFlight != 1 || vars.Use["goroutines"] == 0 ||
		vars.Connections["accepted"] == 0 {
		t.Errorf("/debug/vars: %s", body)
	}
	client.CloseIdleConnections()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM")
	}
	got := s.Stop(t, syscall.SIGTERM)
	logged := len(tests) + 3 // the first two, and /debug/vars
	if n := strings.Count(got.Stderr, "msg=request"); got.Status != 0 || n != logged {
		t.Errorf("exit status %d, %d requests logged, want 0, %d", got.Status, n, logged)
	}
}

// Wrong use is one line on standard error, and a status: 2 for the flags, 1 for what they name.
func TestServerCommandUse(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./server")
	taken := command.Start(t, program, "-listen", "127.0.0.1:0", "-quiet")
	for _, tt := range []struct {
		args           string
		status         int
		stdout, stderr string
	}{
		{"-h", 0, "go run ./ch09/server", ""},
		{"-nonsense", 2, "", "-nonsense"},
		{"-listen 8080", 2, "", "want HOST:PORT"},
		{"-cert a.pem", 2, "", "go together"},
		{"-cert a -key b -tls-self-signed", 2, "", "not both"},
		{"-ready-delay -1s", 2, "", "-ready-delay -1s"},
		{"stray", 2, "", `"stray"`},
		{"-listen 127.0.0.1:0 -files no/such/dir", 1, "", "-files"},
		{"-listen 127.0.0.1:0 -files doc.go", 1, "", "-files"},
		{"-listen 127.0.0.1:0 -cert no.pem -key no.pem", 1, "", "no.pem"},
		{"-listen 127.0.0.1:0 -cert doc.go -key doc.go", 1, "", "-cert doc.go"},
		{"-listen 192.0.2.1:0", 1, "", "192.0.2.1"},
		{"-listen " + taken.Addr, 1, "", taken.Addr},
	} {
		got := command.Run(t, program, strings.Fields(tt.args)...)
		t.Logf("server %s: %d %.70q", tt.args, got.Status, got.Stderr)
		if got.Status != tt.status {
			t.Errorf("server %s: status %d, want %d", tt.args, got.Status, tt.status)
		}
		if !strings.Contains(got.Stdout, tt.stdout) || (tt.stdout == "") != (got.Stdout == "") {
			t.Errorf("server %s: stdout %q, want %q in it", tt.args, got.Stdout, tt.stdout)
		}
		if !strings.Contains(got.Stderr, tt.stderr) || strings.Count(got.Stderr, "\n") > 1 {
			t.Errorf("server %s: stderr %q, want one line with %q", tt.args, got.Stderr, tt.stderr)
		}
	}
}
