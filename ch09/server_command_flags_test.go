package ch09_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch09/internal/command"
)

func TestServerCommandFlags(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./server")
	for _, tt := range []struct {
		name string
		test func(t *testing.T, program string)
	}{
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
