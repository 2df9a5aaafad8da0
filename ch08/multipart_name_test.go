package ch08_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"network-programming-with-go/ch08"
)

// multipartRecord keeps the body that a client sends and answers with nothing.
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

// A file name cannot leave its quotes: it arrives as it was, but for line ends and other
// control characters, which stay escaped, and for directories, which Part.FileName cuts
// off.
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
		strings.Repeat("x", 64<<10): strings.Repeat("x", 64<<10),
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

// The naive way, a name pasted into the line, lets it write a header and a field of its
// own. This is what FileContentDisposition is for.
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
		// Two header lines between the first boundary and the data, whatever the names,
		// and a server takes them.
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
				t.Errorf("%q is no file", wire)
			}
		}
	})
}

// Whatever arrives, Parts ends, without a panic, and hands out no more than came in.
func FuzzParts(f *testing.F) {
	f.Add("multipart/form-data; boundary=B",
		"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--B--\r\n")
	f.Add("multipart/form-data; boundary=B", "--B\r\n\r\nx")
	f.Add("multipart/mixed; boundary=B", "--B--")
	f.Add("text/plain", "")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		const limit = 4 << 10
		r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(body)))
		r.Header.Set("Content-Type", contentType)
		total, ended := 0, false
		for part, err := range ch08.Parts(httptest.NewRecorder(), r, limit) {
			if ended || (err == nil) != (part != nil) {
				t.Fatalf("%q: a pair of %v, %v after the end", body, part, err)
			}
			if err != nil {
				ended = true
				continue
			}
			n, _ := io.Copy(io.Discard, part) // an error comes again from the next part
			total += int(n)
		}
		if total > min(len(body), limit) {
			t.Errorf("%q: %d bytes out of %d", body, total, len(body))
		}
	})
}

func TestPartsErrors(t *testing.T) {
	const form = "multipart/form-data; boundary=B"
	const part = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"
	for name, tt := range map[string]struct {
		contentType, body string
		limit             int64
		parts             int
		want              error
	}{
		"whole":        {form, part + part + "--B--\r\n", 1 << 10, 2, nil},
		"break":        {"multipart/form-data; boundary=B; charset=x", part + "--B--", 1 << 10, 1, nil},
		"cut":          {form, part + part, 1 << 10, 2, io.ErrUnexpectedEOF},
		"cut in field": {form, part[:len(part)-2], 1 << 10, 1, io.ErrUnexpectedEOF},
		"cut header":   {form, part + "--B\r\nContent-Disposition: form-data; name=\"b\"\r\n", 1 << 10, 1, io.ErrUnexpectedEOF},
		"cut line end": {form, part + "--B--\r", 1 << 10, 1, io.ErrUnexpectedEOF},
		"announced":    {form, part + "--B--", int64(len(part)), 0, new(http.MaxBytesError)},
		"padding":      {form, part + "--B-- \t" + strings.Repeat(" ", 20), 1 << 10, 1, nil},
		"cut padding":  {form, part + "--B\r\nX: --B--" + strings.Repeat(" ", 64), 1 << 10, 1, io.ErrUnexpectedEOF},
		"cut in line":  {form, part + "--B\r\nContent-Disposition: form-data; name=\"x--B--", 1 << 10, 1, io.ErrUnexpectedEOF},
		"epilogue":     {form, part + "--B--\r\nignored", 1 << 10, 1, nil},
		"no type":      {"", part, 1 << 10, 0, ch08.ErrNoBoundary},
		"other type":   {"application/x-www-form-urlencoded", "a=b", 1 << 10, 0, ch08.ErrNoBoundary},
		"mixed":        {"multipart/mixed; boundary=B", part + "--B--", 1 << 10, 0, ch08.ErrNoBoundary},
		"no boundary":  {"multipart/form-data", part, 1 << 10, 0, ch08.ErrNoBoundary},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.contentType)
		parts, last := 0, error(nil)
		body, rec := r.Body, httptest.NewRecorder()
		for part, err := range ch08.Parts(rec, r, tt.limit) {
			if last = err; part != nil {
				parts++
			}
		}
		_, tooLarge := errors.AsType[*http.MaxBytesError](last)
		_, want := errors.AsType[*http.MaxBytesError](tt.want)
		if closes := rec.Header().Get("Connection") == "close"; closes != want || r.Body != body {
			t.Errorf("%s: the connection is closed: %t, want %t; r.Body is %T", name, closes, want, r.Body)
		}
		if parts != tt.parts || tooLarge != want || !want && !errors.Is(last, tt.want) {
			t.Errorf("%s: %d parts, error %v, want %d, %v", name, parts, last, tt.parts, tt.want)
		}
	}
}

// A form that a client did not finish never looks whole, wherever it was cut.
func TestPartsCut(t *testing.T) {
	const whole = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"b\"\r\nX-Note: y\r\n\r\ny\r\n--B--"
	last := func(body io.Reader, announced, limit int64) (err error) {
		r := httptest.NewRequest("POST", "/", body)
		r.ContentLength = announced
		r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
		var part *multipart.Part
		for part, err = range ch08.Parts(httptest.NewRecorder(), r, limit) {
			if part != nil {
				io.Copy(io.Discard, part) // an error comes again from the sequence
			}
		}
		return err
	}
	for n := range len(whole) {
		for name, body := range map[string]io.Reader{
			"to":              strings.NewReader(whole[:n]),
			"byte by byte to": iotest.OneByteReader(strings.NewReader(whole[:n])),
			"by the network to": io.MultiReader(strings.NewReader(whole[:n]), // as net/http says it
				iotest.ErrReader(io.ErrUnexpectedEOF)),
		} {
			if err := last(body, -1, 1<<10); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("form cut %s %q: error %v, want io.ErrUnexpectedEOF", name, whole[:n], err)
			}
		}
		err := last(strings.NewReader(whole), -1, int64(n))
		if _, ok := errors.AsType[*http.MaxBytesError](err); !ok {
			t.Errorf("form with a limit of %d: error %v, want *http.MaxBytesError", n, err)
		}
	}
	if err := last(strings.NewReader(whole), int64(len(whole)), int64(len(whole))); err != nil {
		t.Errorf("whole form: error %v", err)
	}
}

// The form is built in memory first, or streamed: 8 MiB, counted by SetBytes.
func BenchmarkMultipart(b *testing.B) {
	const size = 8 << 20
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for part, err := range ch08.Parts(w, r, 2*size) {
			if err == nil {
				_, err = io.Copy(io.Discard, part)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
	}))
	defer ts.Close()
	data := bytes.Repeat([]byte("0123456789abcde\r"), size/16)
	for _, bb := range []struct {
		name string
		post func(io.Reader) (*http.Response, error)
	}{
		{"buffered", func(r io.Reader) (*http.Response, error) {
			var body bytes.Buffer
			mw := multipart.NewWriter(&body)
			w, err := mw.CreateFormFile("file", "f")
			if err != nil {
				return nil, err
			}
			if _, err := io.Copy(w, r); err != nil {
				return nil, err
			}
			if err := mw.Close(); err != nil {
				return nil, err
			}
			return ts.Client().Post(ts.URL, mw.FormDataContentType(), &body)
		}},
		{"streamed", func(r io.Reader) (*http.Response, error) {
			return ch08.PostMultipart(context.Background(), ts.Client(), ts.URL,
				ch08.Part{Name: "file", FileName: "f", Data: r})
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := bb.post(struct{ io.Reader }{bytes.NewReader(data)})
				if err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != 200 {
					b.Fatal(resp.Status)
				}
			}
		})
	}
}
