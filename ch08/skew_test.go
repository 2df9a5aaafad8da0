package ch08_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
)

// skewPeer returns a client that talks to a peer in memory, which responds by h,
// after dial to connect, and half of rtt on the way there and back.
func skewPeer(dial, rtt time.Duration, h func(*http.Request) *http.Response) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // the peer serves one request a connection
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			time.Sleep(dial)
			local, remote := net.Pipe()
			go func() {
				defer remote.Close()
				req, err := http.ReadRequest(bufio.NewReader(remote))
				if err != nil {
					return
				}
				time.Sleep(rtt / 2)
				resp := h(req)
				time.Sleep(rtt / 2)
				resp.Write(remote) // the client notices a failed write
			}()
			return local, nil
		},
	}}
}

func skewResponse(field, value string) *http.Response {
	return &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{field: {value}}}
}

func TestSkew(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Hour, -90 * time.Second} {
		for _, form := range []string{http.TimeFormat, time.RFC850, time.ANSIC} {
			synctest.Test(t, func(t *testing.T) {
				// The bubble's clock begins on a whole second. 3 s to dial do not count, and
				// the peer looks at its clock after half the round trip.
				client := skewPeer(3*time.Second, 2*time.Second, func(r *http.Request) *http.Response {
					if r.Method != http.MethodHead {
						t.Errorf("method = %s, want HEAD", r.Method)
					}
					return skewResponse("Date", time.Now().Add(ahead).UTC().Format(form))
				})
				got, err := ch08.Skew(t.Context(), client, "http://peer.example/")
				if err != nil || got != ahead {
					t.Errorf("Skew with %v as %q = %v, %v, want it exact", ahead, form, got, err)
				}
			})
		}
	}
}

// The fraction of a second never arrives, so the result is up to 1 s too low.
func TestSkewResolution(t *testing.T) {
	for _, ms := range []time.Duration{0, 1, 500, 999} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(ms * time.Millisecond)
			client := skewPeer(0, 0, func(*http.Request) *http.Response {
				return skewResponse("Date", time.Now().UTC().Format(http.TimeFormat))
			})
			got, err := ch08.Skew(t.Context(), client, "http://peer.example/")
			if want := -ms * time.Millisecond; err != nil || got != want {
				t.Errorf("equal clocks at .%03d s: Skew = %v, %v, want %v", ms, got, err, want)
			}
			t.Logf("equal clocks at .%03d s: skew %v", ms, got)
		})
	}
}

func TestSkewErrors(t *testing.T) {
	for _, tt := range []struct {
		field, value string
		want         error
	}{
		{"Server", "x", ch08.ErrNoDate},
		{"Date", "", ch08.ErrNoDate},
		{"Date", "yesterday", ch08.ErrBadDate},
		{"Date", "Mon, 30 Feb 2026 00:00:00 GMT", ch08.ErrBadDate},
		{"Date", "2026-01-02T03:04:05Z", ch08.ErrBadDate},
		{"Date", "Mon, 01 Jan 0001 00:00:00 GMT", ch08.ErrBadDate}, // a Duration ends at 292 years
		{"Date", "Fri, 31 Dec 9999 23:59:59 GMT", ch08.ErrBadDate},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := skewPeer(0, 0, func(*http.Request) *http.Response {
				return skewResponse(tt.field, tt.value)
			})
			got, err := ch08.Skew(t.Context(), client, "http://peer.example/")
			if got != 0 || !errors.Is(err, tt.want) {
				t.Errorf("Skew with %s: %s = %v, %v, want 0, %v", tt.field, tt.value, got, err, tt.want)
			}
		})
	}
	if got, err := ch08.Skew(t.Context(), http.DefaultClient, "http://%zz/"); got != 0 || err == nil {
		t.Errorf("Skew with a malformed URL = %v, %v, want 0 and an error", got, err)
	}
}

func TestSkewCached(t *testing.T) {
	for age, want := range map[string]error{"0": nil, "17": ch08.ErrBadDate} {
		ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cache-Control") != "no-cache" {
				t.Error("the request allows a stored response")
			}
			w.Header().Set("Age", age)
			w.WriteHeader(http.StatusNotFound) // any status will do
		}))
		if _, err := ch08.Skew(t.Context(), ts.Client(), ts.URL); !errors.Is(err, want) {
			t.Errorf("Skew with Age: %s error = %v, want %v", age, err, want)
		}
		ts.Close()
	}
}

// http.Transport holds nothing after a HEAD request; another RoundTripper may.
func TestSkewClosesBody(t *testing.T) {
	body := &skewBody{Reader: strings.NewReader("")}
	client := &http.Client{Transport: skewRoundTrip(func(*http.Request) (*http.Response, error) {
		resp := skewResponse("Server", "x")
		resp.Body = body
		return resp, nil
	})}
	if _, err := ch08.Skew(t.Context(), client, "http://peer.example/"); !errors.Is(err, ch08.ErrNoDate) || !body.closed {
		t.Errorf("Skew error = %v, body closed: %t, want %v, true", err, body.closed, ch08.ErrNoDate)
	}
}

type skewBody struct {
	io.Reader
	closed bool
}

func (b *skewBody) Close() error { b.closed = true; return nil }

type skewRoundTrip func(*http.Request) (*http.Response, error)

func (f skewRoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSkewSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := skewPeer(0, time.Hour, func(*http.Request) *http.Response {
			return skewResponse("Date", time.Now().UTC().Format(http.TimeFormat))
		})
		const limit = 5 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		start := time.Now()
		skew, err := ch08.Skew(ctx, client, "http://peer.example/")
		if got := time.Since(start); skew != 0 || !errors.Is(err, context.DeadlineExceeded) || got != limit {
			t.Errorf("Skew = %v, %v after %v, want context.DeadlineExceeded after %v", skew, err, got, limit)
		}
		time.Sleep(time.Hour) // the peer ends, and with it the bubble
	})
}

func ExampleSkew() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
	}))
	defer ts.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ahead, err := ch08.Skew(ctx, ts.Client(), ts.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("server ahead by about", (ahead + time.Second).Round(time.Minute))
	// Output: server ahead by about 1h0m0s
}
