package ch08_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// multipartEcho responds with a line for each part. Its texts are its own, not those of
// the errors.
func multipartEcho(limit int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var lines bytes.Buffer
		for part, err := range ch08.Parts(w, r, limit) {
			var data []byte
			if err == nil {
				data, err = io.ReadAll(part)
			}
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
				return
			} else if errors.Is(err, ch08.ErrNotForm) {
				http.Error(w, "send multipart/form-data", http.StatusUnsupportedMediaType)
				return
			} else if errors.Is(err, os.ErrDeadlineExceeded) {
				http.Error(w, "the form did not come in time", http.StatusRequestTimeout)
				return
			} else if err != nil {
				http.Error(w, "the form is malformed or incomplete", http.StatusBadRequest)
				return
			}
			fmt.Fprintf(&lines, "%s %q %s %q\n", part.FormName(), part.FileName(),
				part.Header.Get("Content-Type"), data)
		}
		lines.WriteTo(w) // fails if the client has left
	}
}

func TestMultipartPost(t *testing.T) {
	for _, tt := range []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"at once", func(r io.Reader) io.Reader { return r }},
		{"byte by byte", iotest.OneByteReader},
		{"data with EOF", iotest.DataErrReader},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, _ := pipe.Serve(t, multipartEcho(1<<20)).Client(t)
			resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
				ch08.Part{Name: "who", Data: tt.wrap(strings.NewReader("Ada"))},
				ch08.Part{Name: "note", FileName: "n.txt", Type: "text/plain; charset=utf-8",
					Data: tt.wrap(strings.NewReader("one\r\n--two"))},
				ch08.Part{Name: "empty", FileName: "e", Data: tt.wrap(strings.NewReader(""))},
				ch08.Part{Name: "nil"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			const want = `who ""  "Ada"` + "\n" +
				`note "n.txt" text/plain; charset=utf-8 "one\r\n--two"` + "\n" +
				`empty "e" application/octet-stream ""` + "\n" + `nil ""  ""` + "\n"
			if string(got) != want || err != nil {
				t.Errorf("the server has %s(%v), want %s", got, err, want)
			}
			t.Logf("%s", got)
		})
	}
}

// A Data that fails or panics ends the request with an error, and the server does not take
// what has arrived for the whole. The process goes on.
func TestMultipartFailingReader(t *testing.T) {
	t.Parallel()
	panics := func(what any) io.Reader {
		return multipartReader(func([]byte) (int, error) { panic(what) })
	}
	exits := multipartReader(func([]byte) (int, error) { runtime.Goexit(); return 0, nil })
	broken := errors.New("disk on fire")
	for _, tt := range []struct {
		name string
		part ch08.Part
		want error
	}{
		{"at once", ch08.Part{Data: iotest.ErrReader(broken)}, broken},
		{"after a while", ch08.Part{FileName: "f", Data: io.MultiReader(
			strings.NewReader(strings.Repeat("x", 100<<10)), iotest.ErrReader(broken))}, broken},
		{"type", ch08.Part{FileName: "f", Type: "text/plain\r\nX-Evil: 1",
			Data: strings.NewReader("")}, nil},
		{"panic", ch08.Part{Name: "p", Data: panics("bug")}, nil},
		{"panic with an error", ch08.Part{FileName: "f", Data: panics(broken)}, nil},
		{"Goexit", ch08.Part{Data: exits}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				status := make(chan error, 1)
				client, _ := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
					for part, err := range ch08.Parts(w, r, 1<<20) {
						if err == nil {
							_, err = io.Copy(io.Discard, part)
						}
						if err != nil {
							status <- err
							return
						}
					}
					status <- nil
				}).Client(t)
				resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
					ch08.Part{Name: "first", Data: strings.NewReader(strings.Repeat("x", 100<<10))}, tt.part)
				if err == nil {
					resp.Body.Close()
					t.Fatal("PostMultipart succeeded")
				}
				if tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("error = %v, want %v", err, tt.want)
				}
				if got := <-status; !errors.Is(got, io.ErrUnexpectedEOF) {
					t.Errorf("the server sees %v, want io.ErrUnexpectedEOF", got)
				}
				t.Log(err)
			})
		})
	}
}

type multipartReader func([]byte) (int, error)

func (f multipartReader) Read(p []byte) (int, error) { return f(p) }

// A form without parts is whole too.
func TestMultipartNoParts(t *testing.T) {
	client, _ := pipe.Serve(t, multipartEcho(1<<20)).Client(t)
	resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(got) != 0 || err != nil {
		t.Errorf("response = %s: %q, %v, want 200 and nothing", resp.Status, got, err)
	}
}

func ExamplePostMultipart() {
	ts := httptest.NewServer(multipartEcho(1 << 20))
	defer ts.Close()
	resp, err := ch08.PostMultipart(context.Background(), ts.Client(), ts.URL,
		ch08.Part{Name: "author", Data: strings.NewReader("Ada")},
		ch08.Part{Name: "notes", FileName: `"G".txt`, Type: "text/plain", Data: strings.NewReader("B7")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	fmt.Printf("%s%v\n", b, err)
	// Output:
	// author ""  "Ada"
	// notes "\"G\".txt" text/plain "B7"
	// <nil>
}
