package ch09_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch09/internal/command"
)

func TestServerCommand(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./server")
	for _, tt := range []struct {
		name string
		test func(t *testing.T, program string)
	}{
		{"use", serverCommandUse},
		{"requests", serverCommandRequests},
		{"files", serverCommandFiles},
		{"tls", serverCommandTLS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, program)
		})
	}
}

// serverCommandStop sends SIGTERM.
func serverCommandStop(t *testing.T, p *command.Process) command.Result {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM")
	}
	return p.Stop(t, syscall.SIGTERM)
}

func serverCommandUse(t *testing.T, program string) {
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

func serverCommandRequests(t *testing.T, program string) {
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
		{"GET", "/live", "", nil, 200, "<svg"},
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
	got := serverCommandStop(t, s)
	logged := len(tests) + 3 // the first two, and /debug/vars
	if n := strings.Count(got.Stderr, "msg=request"); got.Status != 0 || n != logged {
		t.Errorf("exit status %d, %d requests logged, want 0, %d", got.Status, n, logged)
	}
}

// /static/ serves the directory that -files names: the book's server ignores its flag.
func serverCommandFiles(t *testing.T, program string) {
	dir := filepath.Join(t.TempDir(), "site")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a.txt": "mine", ".secret": "hidden", "../outside.txt": "outside",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside.txt", filepath.Join(dir, "link.txt")); err != nil {
		t.Logf("no symbolic links here: %v", err)
	}
	s := command.Start(t, program, "-listen", "127.0.0.1:0", "-files", dir, "-quiet")
	client := &http.Client{Transport: &http.Transport{}}
	get := func(path, since string) (int, string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-Modified-Since", since)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body), resp.Header.Get("Last-Modified")
	}
	defer client.CloseIdleConnections()
	status, body, modified := get("/static/a.txt", "")
	t.Logf("a.txt of -files: %d %q, modified %s", status, body, modified)
	if status != 200 || body != "mine" || modified == "" {
		t.Errorf("file of -files = %d %q, want 200, mine and a time", status, body)
	}
	if status, _, _ := get("/static/a.txt", modified); status != 304 {
		t.Errorf("If-Modified-Since = %d, want 304", status)
	}
	for _, path := range []string{
		"/static/notes.txt", "/static/.secret", "/static/%2esecret", "/static/link.txt", "/static/",
	} {
		if status, body, _ := get(path, ""); status != 404 {
			t.Errorf("%s = %d %q, want 404", path, status, body)
		}
	}
	if status, _, _ := get("/assets/style.css", ""); status != 200 {
		t.Errorf("the page's own style with -files = %d, want 200", status)
	}
	client.CloseIdleConnections()
	got := serverCommandStop(t, s)
	if got.Status != 0 || strings.Count(got.Stderr, "\n") != 1 {
		t.Errorf("exit status %d, log %q, want 0 and nothing after the address with -quiet", got.Status, got.Stderr)
	}
}

func serverCommandTLS(t *testing.T, program string) {
	s := command.Start(t, program, "-listen", "127.0.0.1:0", "-tls-self-signed")
	conf := &tls.Config{InsecureSkipVerify: true} // made a moment ago, known to nobody
	tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h["Link"]))
		return nil
	}}
	ctx := httptrace.WithClientTrace(t.Context(), trace)
	req, err := http.NewRequestWithContext(ctx, "GET", "https://"+s.Addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Logf("%s %s, before it %s", resp.Proto, resp.Status, hints)
	if got := resp.Header.Get("Cross-Origin-Opener-Policy"); got != "same-origin" {
		t.Errorf("COOP %q over TLS, want same-origin", got)
	}
	if resp.Proto != "HTTP/2.0" || resp.StatusCode != 200 {
		t.Errorf("answer = %s %s, want HTTP/2.0 200", resp.Proto, resp.Status)
	}
	if len(hints) != 1 || !strings.HasPrefix(hints[0], "103") ||
		!strings.Contains(hints[0], "lighthouse.svg") {
		t.Errorf("early hints = %q, want one 103 with the style and the picture", hints)
	}
	// TLS 1.2 has suites in CBC mode. None of them is offered.
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !strings.Contains(suite.Name, "_CBC_") {
			continue
		}
		conn, err := tls.Dial("tcp", s.Addr, &tls.Config{InsecureSkipVerify: true,
			MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if err == nil {
			conn.Close()
			t.Errorf("TLS 1.2 with %s succeeded, want a refusal", suite.Name)
		}
	}
	// HTTP/1.1 clients may take a 103 for the response, so they get none.
	old := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	old.Protocols = new(http.Protocols)
	old.Protocols.SetHTTP1(true)
	defer old.CloseIdleConnections()
	oldResp, err := (&http.Client{Transport: old}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	oldResp.Body.Close()
	old.CloseIdleConnections()
	t.Logf("%s %s, hints so far %d", oldResp.Proto, oldResp.Status, len(hints))
	if oldResp.Proto != "HTTP/1.1" || len(hints) != 1 {
		t.Errorf("over %s: hints %q, want no more", oldResp.Proto, hints)
	}
	cert := resp.TLS.PeerCertificates[0]
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	tr.CloseIdleConnections()
	if got := serverCommandStop(t, s); got.Status != 0 {
		t.Errorf("exit status %d, want 0", got.Status)
	}
}
