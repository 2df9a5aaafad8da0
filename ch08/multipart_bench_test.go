package ch08_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"

	"network-programming-with-go/ch08"
)

// The form is built in memory first, or streamed: 8 MiB, counted by SetBytes.
func BenchmarkMultipart(b *testing.B) {
	const size = 8 << 20
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for part, err := range ch08.Parts(w, r, 2*size) {
			if err == nil {
				_, err = io.Copy(io.Discard, part)
			}
			if err != nil {
				http.Error(w, "malformed form", http.StatusBadRequest)
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
