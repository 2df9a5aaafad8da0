package ch08_test

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"network-programming-with-go/ch08"
)

const partsForm = "multipart/form-data; boundary=B"

func TestParts(t *testing.T) {
	const part = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"
	const header = "--B\r\nContent-Disposition: form-data; name=\"b"
	tooLarge := new(http.MaxBytesError)
	for _, tt := range []struct {
		name, contentType, body string
		limit                   int64
		parts                   int
		want                    error
	}{
		{"whole", partsForm, part + part + "--B--\r\n", 1 << 10, 2, nil},
		{"no parts", partsForm, "--B--\r\n", 1 << 10, 0, nil},
		{"no parts, no line end", partsForm, "--B--", 1 << 10, 0, nil},
		{"no line end", partsForm + "; charset=x", part + "--B--", 1 << 10, 1, nil},
		{"line ends without CR", partsForm, strings.ReplaceAll(part, "\r", "") + "--B--", 1 << 10, 1, nil},
		{"blanks", partsForm, part + "--B-- \t" + strings.Repeat(" ", 20), 1 << 10, 1, nil},
		{"most blanks", partsForm, part + "--B--" + strings.Repeat(" ", 63), 1 << 10, 1, nil},
		{"too many blanks", partsForm, part + "--B--" + strings.Repeat(" ", 64), 1 << 10, 1, io.ErrUnexpectedEOF},
		{"data after the end", partsForm, part + "--B--\r\nignored", 1 << 10, 1, nil},
		{"at the limit", partsForm, part + "--B--", int64(len(part) + 5), 1, nil},
		{"above the limit", partsForm, part + "--B--", int64(len(part) + 4), 0, tooLarge},
		{"limit of 0", partsForm, part + "--B--", 0, 0, tooLarge},
		{"cut", partsForm, part + part, 1 << 10, 2, io.ErrUnexpectedEOF},
		{"cut in a part", partsForm, part[:len(part)-2], 1 << 10, 1, io.ErrUnexpectedEOF},
		{"cut in a header", partsForm, part + header + "\"\r\n", 1 << 10, 1, io.ErrUnexpectedEOF},
		{"cut in a line end", partsForm, part + "--B--\r", 1 << 10, 1, io.ErrUnexpectedEOF},
		{"cut in blanks", partsForm, part + "--B\r\nX: --B--" + strings.Repeat(" ", 64), 1 << 10, 1, io.ErrUnexpectedEOF},
		{"cut after a name that looks like the end", partsForm, part + header + "--B--", 1 << 10, 1, io.ErrUnexpectedEOF},
		{"no type", "", part, 1 << 10, 0, ch08.ErrNotForm},
		{"other type", "application/x-www-form-urlencoded", "a=b", 1 << 10, 0, ch08.ErrNotForm},
		{"JSON", "application/json", "{}", 1 << 10, 0, ch08.ErrNotForm},
		{"mixed", "multipart/mixed; boundary=B", part + "--B--", 1 << 10, 0, ch08.ErrNotForm},
		{"no boundary", "multipart/form-data", part, 1 << 10, 0, ch08.ErrNotForm},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			body, w := r.Body, httptest.NewRecorder()
			parts, last := 0, error(nil)
			for part, err := range ch08.Parts(w, r, tt.limit) {
				if last = err; part != nil {
					parts++
				}
			}
			_, got := errors.AsType[*http.MaxBytesError](last)
			want := tt.want == tooLarge
			if parts != tt.parts || got != want || !want && !errors.Is(last, tt.want) {
				t.Errorf("%d parts, error %v, want %d, %v", parts, last, tt.parts, tt.want)
			}
			if closes := w.Header().Get("Connection") == "close"; closes != want || r.Body != body {
				t.Errorf("the connection is closed: %t, want %t; r.Body is %T", closes, want, r.Body)
			}
			t.Logf("%d parts, error: %v", parts, last)
		})
	}
}

// partsLast reads all parts and returns the error that ends the sequence.
func partsLast(body io.Reader, announced, limit int64) (last error) {
	r := httptest.NewRequest("POST", "/", body)
	r.ContentLength = announced
	r.Header.Set("Content-Type", partsForm)
	for part, err := range ch08.Parts(httptest.NewRecorder(), r, limit) {
		if last = err; part != nil {
			io.Copy(io.Discard, part) // the sequence ends with the same error
		}
	}
	return last
}

// A form that is cut short never looks whole, wherever it was cut.
func TestPartsCut(t *testing.T) {
	const whole = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"b\"\r\nX-Note: y\r\n\r\ny\r\n--B--"
	for n := range len(whole) {
		for name, body := range map[string]io.Reader{
			"to":              strings.NewReader(whole[:n]),
			"byte by byte to": iotest.OneByteReader(strings.NewReader(whole[:n])),
			"by the network to": io.MultiReader(strings.NewReader(whole[:n]), // as in net/http
				iotest.ErrReader(io.ErrUnexpectedEOF)),
		} {
			if err := partsLast(body, -1, 1<<10); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("form cut %s %q: error %v, want io.ErrUnexpectedEOF", name, whole[:n], err)
			}
		}
		err := partsLast(strings.NewReader(whole), -1, int64(n))
		if _, ok := errors.AsType[*http.MaxBytesError](err); !ok {
			t.Errorf("form with a limit of %d: error %v, want *http.MaxBytesError", n, err)
		}
	}
	for _, body := range []io.Reader{strings.NewReader(whole), iotest.OneByteReader(strings.NewReader(whole))} {
		if err := partsLast(body, int64(len(whole)), int64(len(whole))); err != nil {
			t.Errorf("whole form: error %v", err)
		}
	}
}

// The loop may stop early, and a form can be read only once.
func TestPartsOnce(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(
		"--B\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--"))
	r.Header.Set("Content-Type", partsForm)
	for part, err := range ch08.Parts(httptest.NewRecorder(), r, 1<<10) {
		if part == nil {
			t.Fatal(err)
		}
		break
	}
	for part, err := range ch08.Parts(httptest.NewRecorder(), r, 1<<10) {
		if part != nil || err == nil {
			t.Errorf("second use: %v, %v, want an error", part, err)
		}
	}
}

// Any body ends without a panic, and no more is returned than came in.
func FuzzParts(f *testing.F) {
	f.Add(partsForm, "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--B--\r\n")
	f.Add(partsForm, "--B\r\n\r\nx")
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
			n, _ := io.Copy(io.Discard, part) // the sequence ends with the same error
			total += int(n)
		}
		if total > min(len(body), limit) {
			t.Errorf("%q: %d bytes out of %d", body, total, len(body))
		}
	})
}

func ExampleParts() {
	form := "--B\r\nContent-Disposition: form-data; name=\"note\"; filename=\"../n.txt\"\r\n\r\nhello\r\n--B--\r\n"
	r := httptest.NewRequest("POST", "/", strings.NewReader(form))
	r.Header.Set("Content-Type", partsForm)
	var part *multipart.Part
	var err error
	for part, err = range ch08.Parts(httptest.NewRecorder(), r, 1<<20) {
		if err != nil {
			break // the form is not whole: keep nothing of it
		}
		data, _ := io.ReadAll(part) // the sequence ends with the same error
		fmt.Printf("%s %q %q\n", part.FormName(), part.FileName(), data)
	}
	fmt.Println(err)
	// Output:
	// note "n.txt" "hello"
	// <nil>
}
