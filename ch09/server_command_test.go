package ch09_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serverCommand is the command server while it runs.
type serverCommand struct {
	cmd  *exec.Cmd
	addr string
	rest chan string // what it wrote to stderr after the ready line
}

func serverCommandStart(t *testing.T, bin string, args ...string) *serverCommand {
	t.Helper()
	cmd := exec.Command(bin, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &serverCommand{cmd: cmd, rest: make(chan string, 1)}
	t.Cleanup(func() {
		cmd.Process.Kill() // error: it has ended already
		cmd.Wait()
	})
	br := bufio.NewReader(stderr)
	for s.addr == "" {
		line, err := br.ReadString('\n')
		if err != nil {
			t.Fatalf("no ready line: %v", err)
		}
		if addr, ok := strings.CutPrefix(line, "listening on "); ok {
			s.addr = strings.TrimSpace(addr)
		}
	}
	go func() {
		all, _ := io.ReadAll(br) // an error ends it as well as EOF
		s.rest <- string(all)
	}()
	t.Logf("listening on %s", s.addr)
	return s
}

// stop sends SIGTERM and returns the exit status and the log.
func (s *serverCommand) stop(t *testing.T) (int, string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return s.wait()
}

func (s *serverCommand) wait() (int, string) {
	log := <-s.rest
	s.cmd.Wait() // the status follows
	return s.cmd.ProcessState.ExitCode(), log
}

func TestServerCommand(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "server.exe")
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./server", bin)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", bin, "./server")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	for _, dir := range []string{"server", "server/assets", "server/site"} {
		if _, err := os.ReadDir(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		test func(t *testing.T, bin string)
	}{
		{"use", serverCommandUse},
		{"requests", serverCommandRequests},
		{"files", serverCommandFiles},
		{"tls", serverCommandTLS},
		{"stop in flight", serverCommandStopInFlight},
		{"log that nobody reads", serverCommandUnreadLog},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, bin)
		})
	}
}

func serverCommandUse(t *testing.T, bin string) {
	taken := serverCommandStart(t, bin, "-quiet")
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
		{"stray", 2, "", `"stray"`},
		{"-listen 127.0.0.1:0 -files no/such/dir", 1, "", "-files"},
		{"-listen 127.0.0.1:0 -files doc.go", 1, "", "-files"},
		{"-listen 127.0.0.1:0 -cert no.pem -key no.pem", 1, "", "no.pem"},
		{"-listen 127.0.0.1:0 -cert doc.go -key doc.go", 1, "", "-cert doc.go"},
		{"-listen 192.0.2.1:0", 1, "", "192.0.2.1"},
		{"-listen " + taken.addr, 1, "", taken.addr},
	} {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(bin, strings.Fields(tt.args)...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run() // the status is checked instead
		t.Logf("server %s: %d %.70q", tt.args, cmd.ProcessState.ExitCode(), stderr.String())
		if got := cmd.ProcessState.ExitCode(); got != tt.status {
			t.Errorf("server %s: status %d, want %d", tt.args, got, tt.status)
		}
		if !strings.Contains(stdout.String(), tt.stdout) || (tt.stdout == "") != (stdout.Len() == 0) {
			t.Errorf("server %s: stdout %q, want %q in it", tt.args, stdout.String(), tt.stdout)
		}
		if !strings.Contains(stderr.String(), tt.stderr) || strings.Count(stderr.String(), "\n") > 1 {
			t.Errorf("server %s: stderr %q, want one line with %q", tt.args, stderr.String(), tt.stderr)
		}
	}
}

func serverCommandRequests(t *testing.T, bin string) {
	s := serverCommandStart(t, bin)
	client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	defer client.CloseIdleConnections()
	do := func(method, path, body string, header ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.addr+path,
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
	file, _ := do("GET", "/static/notes.txt", "")
	tag := file.Header.Get("ETag")
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
		{"POST", "/", "name=x", []string{"Origin", "http://other.test"}, 403, ""},
		{"POST", "/hello", "Ada", nil, 200, "Hello, Ada!"},
		{"POST", "/hello", strings.Repeat("a", 5000), nil, 413, ""},
		{"GET", "/healthz", "", nil, 200, "ok\n"},
		{"GET", "/live", "", nil, 200, "<svg"},
		{"GET", "/metrics.svg", "", nil, 200, "<svg"},
		{"GET", "/favicon.ico", "", nil, 200, "<svg"},
		{"GET", "/assets/style.css", "", nil, 200, "prefers-color-scheme"},
		{"GET", "/assets/", "", nil, 404, ""},
		{"GET", "/nowhere", "", nil, 404, ""},
		{"DELETE", "/hello", "", nil, 405, "GET, HEAD, POST"},
		{"TRACE", "/", "", nil, 405, "GET, HEAD, POST"},
		{"TRACE", "/static/notes.txt", "", nil, 405, "GET, HEAD"},
		{"POST", "/healthz", "", nil, 405, "GET, HEAD"},
		{"GET", "/static/notes.txt", "", []string{"Range", "bytes=-64"}, 206, "by eyes.\n"},
		{"GET", "/static/notes.txt", "", []string{"If-None-Match", tag}, 304, ""},
		{"GET", "/static/.secret", "", nil, 404, ""},
		{"GET", "/static/%2esecret", "", nil, 404, ""},
		{"GET", "/static/%252esecret", "", nil, 404, ""},
		{"GET", "/static/.dir/secret", "", nil, 404, ""},
	}
	for _, tt := range tests {
		resp, body := do(tt.method, tt.path, tt.body, tt.header...)
		t.Logf("%-6s %-20s %d", tt.method, tt.path, resp.StatusCode)
		allow, want := resp.Header.Get("Allow"), ""
		if tt.status == http.StatusMethodNotAllowed {
			tt.want, want = "", tt.want
		}
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) ||
			strings.Contains(body, "nobody gets it") || allow != want {
			t.Errorf("%s %s = %d, Allow %q, %.200q, want %d, %q and %q", tt.method, tt.path,
				resp.StatusCode, allow, body, tt.status, want, tt.want)
		}
		if tt.status == http.StatusRequestEntityTooLarge && !resp.Close {
			t.Errorf("%s %s: 413 keeps the connection", tt.method, tt.path)
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
		}
		Connections, Use map[string]float64
	}
	if err := json.Unmarshal([]byte(body), &vars); err != nil {
		t.Fatalf("/debug/vars: %v in %s", err, body)
	}
	if r := vars.HTTP["GET /static/"]; r.Requests != 7 || r.ClientErrors != 4 {
		t.Errorf("GET /static/ in /debug/vars: %+v, want 7 requests, 4 client errors", r)
	}
	if vars.HTTP["GET /debug/vars"].InFlight != 1 || vars.Use["goroutines"] == 0 ||
		vars.Connections["accepted"] == 0 {
		t.Errorf("/debug/vars: %s", body)
	}
	client.CloseIdleConnections()
	status, log := s.stop(t)
	want := len(tests) + 2 // the first one, and /debug/vars
	if n := strings.Count(log, "msg=request"); status != 0 || n != want {
		t.Errorf("exit status %d, %d requests logged, want 0, %d", status, n, want)
	}
}

// /static/ serves the directory that -files names: the book's server ignores its flag.
func serverCommandFiles(t *testing.T, bin string) {
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
	s := serverCommandStart(t, bin, "-files", dir, "-quiet")
	client := &http.Client{Transport: &http.Transport{}}
	get := func(path, since string) (int, string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.addr+path, nil)
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
	if status, log := s.stop(t); status != 0 || log != "" {
		t.Errorf("exit status %d, log %q, want 0 and none with -quiet", status, log)
	}
}

func serverCommandTLS(t *testing.T, bin string) {
	s := serverCommandStart(t, bin, "-tls-self-signed")
	conf := &tls.Config{InsecureSkipVerify: true} // made a moment ago, known to nobody
	tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h["Link"]))
		return nil
	}}
	ctx := httptrace.WithClientTrace(t.Context(), trace)
	req, err := http.NewRequestWithContext(ctx, "GET", "https://"+s.addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Logf("%s %s, before it %s", resp.Proto, resp.Status, hints)
	if resp.Proto != "HTTP/2.0" || resp.StatusCode != 200 {
		t.Errorf("answer = %s %s, want HTTP/2.0 200", resp.Proto, resp.Status)
	}
	if len(hints) != 1 || !strings.HasPrefix(hints[0], "103") ||
		!strings.Contains(hints[0], "lighthouse.svg") {
		t.Errorf("early hints = %q, want one 103 with the style and the picture", hints)
	}
	// HTTP/1.1 clients may take a 103 for the answer, so they get none.
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
	if status, _ := s.stop(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// A request whose body is half sent when SIGTERM comes is answered all the same.
func serverCommandStopInFlight(t *testing.T, bin string) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGTERM")
	}
	s := serverCommandStart(t, bin)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
	fmt.Fprintf(conn, "POST /hello HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\n"+
		"Expect: 100-continue\r\n\r\n", s.addr)
	br := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 100 {
		t.Fatalf("waiting for 100 Continue: %v, %v", resp, err)
	}
	// The handler is reading the body now.
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for { // until the listener is closed: the server is stopping
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		c.Close()
	}
	fmt.Fprint(conn, "Ada")
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	t.Logf("after SIGTERM: %s %q, connection closed %t", resp.Status, body, resp.Close)
	if err != nil || resp.StatusCode != 200 || string(body) != "<p>Hello, Ada!</p>\n" || !resp.Close {
		t.Errorf("request in flight = %s %q, %v, close %t", resp.Status, body, err, resp.Close)
	}
	if status, _ := s.wait(); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
}

// A request is logged when it has been answered: the second one shows whether the
// server has outlived the log.
func serverCommandUnreadLog(t *testing.T, bin string) {
	if runtime.GOOS == "windows" {
		t.Skip("windows has no SIGPIPE")
	}
	cmd := exec.Command(bin, "-listen", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() }) // error: it has ended, as it should
	line, err := bufio.NewReader(stderr).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("first line %q, %v", line, err)
	}
	stderr.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 3 {
		resp, err := client.Get("http://" + addr + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
}
