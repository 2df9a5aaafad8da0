package ch08_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"network-programming-with-go/ch08"
)

// multipartRecord keeps the body that a client sends.
type multipartRecord struct {
	bytes.Buffer
	contentType string
}

func (m *multipartRecord) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	m.contentType = r.Header.Get("Content-Type")
	if _, err := m.ReadFrom(r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
}

// multipartNames posts one file and returns the parts that a server finds.
func multipartNames(t testing.TB, p ch08.Part) (wire string, parts []*multipart.Part) {
	var m multipartRecord
	client := &http.Client{Transport: &m}
	resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/", p)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	wire = m.String()
	r := httptest.NewRequest("POST", "/", &m.Buffer)
	r.Header.Set("Content-Type", m.contentType)
	for part, err := range ch08.Parts(httptest.NewRecorder(), r, 1<<20) {
		if err != nil {
			t.Fatalf("file name %q: %v in %q", p.FileName, err, wire)
		}
		if data, err := io.ReadAll(part); err != nil || string(data) != "data" {
			t.Errorf("file name %q: data = %q, %v", p.FileName, data, err)
		}
		parts = append(parts, part)
	}
	return wire, parts
}

// A file name cannot leave its quotes. It arrives unchanged, except that line ends and
// other control characters stay escaped and Part.FileName drops directories.
func TestMultipartHostileNames(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"plain.txt":                 "plain.txt",
		`a"b.txt`:                   `a"b.txt`,
		`a"; name="admin`:           `a"; name="admin`,
		`a\b.txt`:                   filepath.Base(`a\b.txt`), // a separator on Windows alone
		`a\"; name="admin`:          filepath.Base(`a\"; name="admin`),
		`end\`:                      filepath.Base(`end\`),
		"a\r\nX-Evil: 1":            "a%0D%0AX-Evil: 1",
		"a\r\n\r\nevil body":        "a%0D%0A%0D%0Aevil body",
		"a\nb":                      "a%0Ab",
		"../../etc/passwd":          "passwd",
		"größe.txt":                 "größe.txt",
		"a%0Ab":                     "a%0Ab", // not told apart from a line end
		"a\x00\x1b[31m\x7f\tb":      "a%00%1B[31m%7F\tb",
		"a\xffb":                    "a\xffb", // not UTF-8, as file names may be
		strings.Repeat("x", 16<<10): strings.Repeat("x", 16<<10),
	} {
		wire, parts := multipartNames(t,
			ch08.Part{Name: sent, FileName: sent, Data: strings.NewReader("data")})
		if len(parts) != 1 {
			t.Fatalf("file name %q arrives as %d parts: %q", sent, len(parts), wire)
		}
		if got := parts[0].FileName(); got != want || len(parts[0].Header) != 2 {
			t.Errorf("file name %q arrives as %q, header %v, want %q", sent, got, parts[0].Header, want)
		}
		if len(sent) < 1000 {
			t.Logf("%-22q on the wire: %s", sent, strings.SplitN(wire, "\r\n", 3)[1])
		}
	}
}

// A name that is pasted into the line can write a header and a field of its own.
// multipart.FileContentDisposition prevents that.
func TestMultipartNaiveNames(t *testing.T) {
	const field = "--B\r\nContent-Disposition: form-data; name=\""
	const name = "a\"\r\nX-Evil: 1\r\n\r\nevil\r\n" + field + "admin"
	body := field + "f\"; filename=\"" + name + "\"\r\n\r\ndata\r\n--B--\r\n"
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	var got []string
	for part, err := range ch08.Parts(httptest.NewRecorder(), r, 1<<20) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part.FormName()+part.Header.Get("X-Evil"))
	}
	if fmt.Sprint(got) != "[f1 admin]" {
		t.Errorf("parts = %q, want the file with a header and the field admin", got)
	}
}

func FuzzMultipartName(f *testing.F) {
	f.Add("a\"\r\nX: 1", `b\`, "text/plain")
	f.Add("", "", "text/plain; x=\"\r\n\"")
	f.Fuzz(func(t *testing.T, name, fileName, typ string) {
		if fileName == "" {
			fileName = "f"
		}
		var m multipartRecord
		resp, err := ch08.PostMultipart(t.Context(), &http.Client{Transport: &m}, "http://peer.example/",
			ch08.Part{Name: name, FileName: fileName, Type: typ, Data: strings.NewReader("data")})
		if err != nil {
			return // a malformed type
		}
		resp.Body.Close()
		// There are two header lines between the first boundary and the data, whatever the
		// names, and a server accepts them.
		wire := m.String()
		lines := strings.Split(wire, "\r\n")
		if len(lines) != 7 || lines[3] != "" || lines[4] != "data" ||
			strings.ContainsAny(lines[1]+lines[2], "\r\n") {
			t.Errorf("names %q, %q, type %q: sent %q", name, fileName, typ, lines)
		}
		r := httptest.NewRequest("POST", "/", &m.Buffer)
		r.Header.Set("Content-Type", m.contentType)
		for part, err := range ch08.Parts(httptest.NewRecorder(), r, 1<<20) {
			if err != nil {
				t.Errorf("%q is refused: %v", wire, err)
			} else if part.FileName() == "" && fileName != "" {
				t.Errorf("%q is not a file", wire)
			}
		}
	})
}
