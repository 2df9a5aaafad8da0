package ch09_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch09"
)

func defaultDo(method string, body io.Reader) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	ch09.DefaultHandler().ServeHTTP(rec, httptest.NewRequest(method, "/", body))
	return rec
}

func TestDefaultHandler(t *testing.T) {
	const page = "text/html; charset=utf-8"
	for _, tt := range []struct {
		name, method string
		body         io.Reader
		status       int
		allow, want  string
	}{
		{"get", "GET", nil, 200, "", "<p>Hello, friend!</p>\n"},
		{"post", "POST", strings.NewReader("Ada\n"), 200, "", "<p>Hello, Ada!</p>\n"},
		{"invalid UTF-8", "POST", strings.NewReader("A\xff\xfea"), 200, "", "<p>Hello, A\uFFFDa!</p>\n"},
		{"byte by byte", "POST", iotest.OneByteReader(strings.NewReader("Ada")), 200, "",
			"<p>Hello, Ada!</p>\n"},
		{"nobody named", "POST", strings.NewReader(" \r\n"), 200, "", "<p>Hello, friend!</p>\n"},
		{"largest", "POST", strings.NewReader(strings.Repeat("a", 4<<10)), 200, "",
			"<p>Hello, " + strings.Repeat("a", 4<<10) + "!</p>\n"},
		{"too large, announced", "POST", strings.NewReader(strings.Repeat("a", 4<<10+1)), 413, "",
			"name too long\n"},
		{"too large, not announced", "POST", io.LimitReader(defaultEndless{}, 1<<30), 413, "",
			"name too long\n"},
		{"broken body", "POST", iotest.ErrReader(errors.New("cut")), 400, "",
			"cannot read the name\n"},
		{"other method", "DELETE", nil, 405, "GET, HEAD, POST", "method not allowed\n"},
		{"options", "OPTIONS", nil, 405, "GET, HEAD, POST", "method not allowed\n"},
		{"trace", "TRACE", nil, 405, "GET, HEAD, POST", "method not allowed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := defaultDo(tt.method, tt.body)
			t.Logf("%s: %d %.60q", tt.method, rec.Code, rec.Body)
			if rec.Code != tt.status || rec.Body.String() != tt.want {
				t.Errorf("%s = %d %.60q, want %d %.60q",
					tt.method, rec.Code, rec.Body, tt.status, tt.want)
			}
			if got := rec.Header().Get("Allow"); got != tt.allow {
				t.Errorf("Allow = %q, want %q", got, tt.allow)
			}
			if got := rec.Header().Get("Content-Type"); tt.status == 200 && got != page {
				t.Errorf("Content-Type = %q, want %q", got, page)
			}
		})
	}
}

// defaultEndless is a body of unknown length.
type defaultEndless struct{}

func (defaultEndless) Read(p []byte) (int, error) { return len(p), nil }

func TestDefaultHandlerEscapes(t *testing.T) {
	for _, attempt := range []string{
		`<script>alert(1)</script>`,
		`</p><img src=x onerror=alert(1)>`,
		`"><svg/onload=alert(1)>`,
		`' onmouseover='alert(1)`,
		`<a href="javascript:alert(1)">x</a>`,
		`{{.}}{{printf "%s" "<b>"}}`,
		`&lt;script&gt;`,
		"<scr\x00ipt>alert(1)</scr\x00ipt>",
		"+ADw-script+AD4-alert(1)",
		"\xc0\xbcscript\xc0\xbe",
		`<!--<script>-->`,
	} {
		body := defaultDo("POST", strings.NewReader(attempt)).Body.String()
		t.Logf("%q arrives as %q", attempt, body)
		defaultCheckText(t, attempt, body)
	}
}

// defaultCheckText fails if the greeting of name is more than one paragraph of text, or
// if the text, read back as a browser would, is not the name.
func defaultCheckText(t *testing.T, name, page string) {
	t.Helper()
	text, ok := strings.CutPrefix(page, "<p>Hello, ")
	text, ok2 := strings.CutSuffix(text, "!</p>\n")
	if !ok || !ok2 || strings.ContainsAny(text, "<>\"'") {
		t.Fatalf("greeting of %q = %q: markup got through", name, page)
	}
	want := cmp.Or(strings.ToValidUTF8(strings.TrimSpace(name), "\uFFFD"), "friend")
	want = strings.ReplaceAll(want, "\x00", "\uFFFD") // as HTML parsers do
	if got := html.UnescapeString(text); got != want {
		t.Errorf("greeting of %q reads %q, want %q", name, got, want)
	}
}

func FuzzDefaultHandlerEscapes(f *testing.F) {
	for _, s := range []string{"Ada", "<b>", "&amp;", `"'`, "\x00", "\xff<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		rec := defaultDo("POST", strings.NewReader(name))
		if rec.Code == http.StatusOK {
			defaultCheckText(t, name, rec.Body.String())
		} else if len(name) <= 4<<10 {
			t.Errorf("%d bytes: status %d", len(name), rec.Code)
		}
	})
}

// A client that asks first ("Expect: 100-continue") never sends a body that its
// Content-Length already rules out.
func TestDefaultHandlerRefusesBeforeTheBody(t *testing.T) {
	ts := httptest.NewServer(ch09.DefaultHandler())
	defer ts.Close()
	ts.Client().Transport.(*http.Transport).ExpectContinueTimeout = time.Hour
	body := &defaultCounter{r: io.LimitReader(defaultEndless{}, 64<<20)}
	req, err := http.NewRequestWithContext(t.Context(), "POST", ts.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 64 << 20 // 64 MiB
	req.Header.Set("Expect", "100-continue")
	resp, err := ts.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Logf("64 MiB announced: %s, %d bytes of it sent", resp.Status, body.n.Load())
	if resp.StatusCode != http.StatusRequestEntityTooLarge || body.n.Load() != 0 {
		t.Errorf("64 MiB announced = %s, %d bytes sent, want 413 and 0", resp.Status, body.n.Load())
	}
}

// A body that turns out too large is refused without waiting for the rest of it, also
// behind middleware, and nothing more is taken from that connection.
func TestDefaultHandlerRefusesAtOnce(t *testing.T) {
	wrapped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch09.DefaultHandler().ServeHTTP(ch09.NewStatusWriter(w), r)
	})
	for name, h := range map[string]http.Handler{"bare": ch09.DefaultHandler(), "wrapped": wrapped} {
		synctest.Test(t, func(t *testing.T) {
			srv, l := &http.Server{Handler: h}, make(defaultListener, 1)
			served := make(chan error, 1)
			go func() { served <- srv.Serve(l) }()
			conn, server := net.Pipe()
			l <- server
			start := time.Now()
			conn.SetDeadline(start.Add(time.Minute)) // cannot fail: conn is open
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"+
				"1388\r\n%s\r\n", strings.Repeat("a", 5000)) // no more comes before the answer
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("%s: no answer to 5,000 bytes of an endless body: %v", name, err)
			} else {
				resp.Body.Close()
				if d := time.Since(start); resp.StatusCode != 413 || !resp.Close || d != 0 {
					t.Errorf("%s: answer = %s after %v, close %t, want 413 at once, true",
						name, resp.Status, d, resp.Close)
				}
			}
			conn.Close()
			if err := srv.Shutdown(t.Context()); err != nil { // closes l
				t.Error(err)
			}
			<-served
		})
	}
}

// defaultListener accepts what is sent to it.
type defaultListener chan net.Conn

func (l defaultListener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l defaultListener) Close() error   { close(l); return nil } // once, by Shutdown
func (l defaultListener) Addr() net.Addr { return &net.TCPAddr{} }

// defaultCounter counts the bytes that the client's transport takes from a body.
type defaultCounter struct {
	r io.Reader
	n atomic.Int64
}

func (c *defaultCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func ExampleDefaultHandler() {
	ts := httptest.NewServer(ch09.DefaultHandler())
	defer ts.Close()
	resp, err := http.Post(ts.URL, "text/plain", strings.NewReader("<b>Ada</b>"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	fmt.Printf("%s%v\n", page, err)
	// Output:
	// <p>Hello, &lt;b&gt;Ada&lt;/b&gt;!</p>
	// <nil>
}
