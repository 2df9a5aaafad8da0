package ch09_test

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"network-programming-with-go/ch09"
)

func defaultDo(method string, body io.Reader) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	ch09.DefaultHandler().ServeHTTP(rec, httptest.NewRequest(method, "/", body))
	return rec
}

// defaultName returns what the page greets, as markup, or all of it if it greets nothing.
func defaultName(page string) string {
	_, name, _ := strings.Cut(page, "<h1>Hello, ")
	name, _, ok := strings.Cut(name, "!</h1>\n</main>\n</body>\n</html>\n")
	if !ok {
		return page
	}
	return name
}

func TestDefaultHandler(t *testing.T) {
	const page = "text/html; charset=utf-8"
	for _, tt := range []struct {
		name, method string
		body         io.Reader
		status       int
		allow, want  string
	}{
		{"get", "GET", nil, 200, "", "friend"},
		{"post", "POST", strings.NewReader("Ada\n"), 200, "", "Ada"},
		{"invalid UTF-8", "POST", strings.NewReader("A\xff\xfea"), 200, "", "A\uFFFDa"},
		{"byte by byte", "POST", iotest.OneByteReader(strings.NewReader("Ada")), 200, "",
			"Ada"},
		{"nobody named", "POST", strings.NewReader(" \r\n"), 200, "", "friend"},
		{"largest", "POST", strings.NewReader(strings.Repeat("a", 4<<10)), 200, "",
			strings.Repeat("a", 4<<10)},
		{"too large, announced", "POST", strings.NewReader(strings.Repeat("a", 4<<10+1)), 413, "",
			"the body is too large\n"},
		{"too large, not announced", "POST", io.LimitReader(defaultEndless{}, 1<<30), 413, "",
			"the body is too large\n"},
		{"broken body", "POST", iotest.ErrReader(errors.New("cut")), 400, "",
			"the body cannot be read\n"},
		{"other method", "DELETE", nil, 405, "GET, HEAD, POST", "method not allowed\n"},
		{"options", "OPTIONS", nil, 405, "GET, HEAD, POST", "method not allowed\n"},
		{"trace", "TRACE", nil, 405, "GET, HEAD, POST", "method not allowed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := defaultDo(tt.method, tt.body)
			t.Logf("%s: %d %.60q", tt.method, rec.Code, rec.Body)
			got := rec.Body.String()
			if rec.Code == 200 { // a page with the name in it
				got = defaultName(got)
			}
			if rec.Code != tt.status || got != tt.want {
				t.Errorf("%s = %d %.60q, want %d %.60q", tt.method, rec.Code, got, tt.status, tt.want)
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

// defaultCheckText fails if the page has other markup than its own, or if the name in it,
// read back as a browser would, is not the name.
func defaultCheckText(t *testing.T, name, page string) {
	t.Helper()
	text := defaultName(page)
	tags := strings.Count(defaultDo("GET", nil).Body.String(), "<")
	if strings.ContainsAny(text, "<>\"'") || strings.Count(page, "<") != tags {
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

// On the web a fragment has neither a language nor a title.
func TestDefaultHandlerIsPage(t *testing.T) {
	page := defaultDo("GET", nil).Body.String()
	for _, want := range []string{"<!DOCTYPE html>", `<html lang="en">`, "<title>Hello</title>", "<main>"} {
		if !strings.Contains(page, want) {
			t.Errorf("page %q, want %s in it", page, want)
		}
	}
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
	fmt.Println(defaultName(string(page)), err)
	// Output: &lt;b&gt;Ada&lt;/b&gt; <nil>
}
