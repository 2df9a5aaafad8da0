package ch08_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"network-programming-with-go/ch08"
)

// For any Date field the result is that of http.ParseTime.
func FuzzSkew(f *testing.F) {
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT")
	f.Add("Sunday, 06-Nov-94 08:49:37 GMT")
	f.Add("Sun Nov  6 08:49:37 1994")
	f.Add("Sun, 06 Nov 1994 08:49:60 GMT")
	f.Add("")
	f.Fuzz(func(t *testing.T, field string) {
		before := time.Now()
		client := &http.Client{Transport: skewTransport(field)}
		got, err := ch08.Skew(t.Context(), client, "http://peer.example/")
		date, parseErr := http.ParseTime(field)
		switch {
		case (err == nil) != (parseErr == nil):
			t.Errorf("Skew with Date %q error = %v, ParseTime's is %v", field, err, parseErr)
		case err == nil && (got > date.Sub(before) || got < time.Until(date)):
			t.Errorf("Skew with Date %q = %v, out of %v to %v", field, got,
				time.Until(date), date.Sub(before))
		}
	})
}

type skewTransport string

func (date skewTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Date": {string(date)}},
		Body: http.NoBody, Request: r}, nil
}

// A HEAD transfers the header; a GET for the same field transfers the body too.
func BenchmarkSkew(b *testing.B) {
	body := make([]byte, 1<<20) // 1 MiB
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(body) // dropped by net/http if it is a HEAD; else the client notices
	}))
	defer ts.Close()
	client := ts.Client()
	b.Run("head", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ch08.Skew(b.Context(), client, ts.URL); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			resp, err := client.Get(ts.URL)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body) // shows in the time
			resp.Body.Close()
			if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
				b.Fatal(err)
			}
		}
	})
}
