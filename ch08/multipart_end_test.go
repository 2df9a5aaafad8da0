package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// multipartNoise reads as one block again and again, and counts what was read.
type multipartNoise struct {
	block []byte
	sent  atomic.Int64
}

func newMultipartNoise() *multipartNoise {
	n := &multipartNoise{block: make([]byte, 32<<10)}
	rand.NewChaCha8([32]byte{}).Read(n.block) // cannot fail
	return n
}

func (n *multipartNoise) Read(p []byte) (int, error) {
	k := copy(p, n.block)
	n.sent.Add(int64(k))
	return k, nil
}

// The client reads a response that comes before the end of the upload. After Close Data is
// not read; a goroutine left behind would fail the bubble.
func TestMultipartEarlyResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			for part, err := range ch08.Parts(w, r, 1<<20) {
				if err == nil {
					_, err = io.Copy(io.Discard, part)
				}
				if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
					http.Error(w, "too large", http.StatusRequestEntityTooLarge)
					return
				}
			}
		}).Client(t)
		noise := newMultipartNoise() // without end
		resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
			ch08.Part{Name: "file", FileName: "noise", Data: noise})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := io.ReadAll(resp.Body)
		if resp.StatusCode != 413 || string(msg) != "too large\n" || err != nil {
			t.Errorf("response = %s: %q, %v, want 413", resp.Status, msg, err)
		}
		resp.Body.Close()
		sent := noise.sent.Load()
		synctest.Wait()
		if got := noise.sent.Load(); got != sent || sent > 2<<20 {
			t.Errorf("%d bytes read before Close and %d after, want 1 MiB and 0", sent, got-sent)
		}
	})
}

// A redirect is returned: followed by a GET, it would look as if the form had arrived.
func TestMultipartRedirect(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			client, _ := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/new", code)
			}).Client(t)
			resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
				ch08.Part{Name: "who", Data: strings.NewReader("Ada")})
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != code || resp.Header.Get("Location") != "/new" {
				t.Errorf("response = %s, want the redirect", resp.Status)
			}
		})
	}
}

// A canceled upload ends, and its Data is not read any more.
func TestMultipartCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client, _ := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			io.CopyN(io.Discard, r.Body, 100<<10) // a failure shows at the client
			// The context of a request with an unread body does not notice that the client
			// has left.
			<-release
		}).Client(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait() // until the upload is blocked
			cancel()
		}()
		noise := newMultipartNoise()
		_, err := ch08.PostMultipart(ctx, client, "http://peer.example/",
			ch08.Part{Name: "file", FileName: "noise", Data: noise})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want context.Canceled", err)
		}
		close(release)
	})
}

type multipartEndReader func([]byte) (int, error)

func (f multipartEndReader) Read(p []byte) (int, error) { return f(p) }

// PostMultipart and Close wait for a Read of Data, so that its owner may close it after.
func TestMultipartWaitsForData(t *testing.T) {
	for _, responded := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			reading, release := make(chan struct{}), make(chan struct{})
			client, _ := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close") // responds without reading the body
				<-reading
				if !responded {
					<-release
				}
			}).Client(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var returned atomic.Bool
			go func() {
				resp, err := ch08.PostMultipart(ctx, client, "http://peer.example/",
					ch08.Part{Name: "slow", Data: multipartEndReader(func([]byte) (int, error) {
						close(reading)
						<-release
						return 0, io.EOF
					})})
				if (err == nil) != responded {
					t.Errorf("PostMultipart error = %v, want one: %t", err, !responded)
				}
				if err == nil {
					resp.Body.Close()
				}
				returned.Store(true)
			}()
			<-reading
			if !responded {
				cancel()
			}
			time.Sleep(time.Minute)
			if returned.Load() {
				t.Errorf("responded %t: returned while the Data is read", responded)
			}
			close(release)
			synctest.Wait()
			if !returned.Load() {
				t.Errorf("responded %t: has not returned after the end of Data", responded)
			}
		})
	}
}

// multipartEndCloser responds with a body whose Close fails, and sends nothing.
type multipartEndCloser struct{ err error }

func (c multipartEndCloser) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: c, Request: r}, nil
}
func (c multipartEndCloser) Read([]byte) (int, error) { return 0, io.EOF }
func (c multipartEndCloser) Close() error             { return c.err }

func TestMultipartErrors(t *testing.T) {
	if resp, err := ch08.PostMultipart(t.Context(), http.DefaultClient, "http://%zz/"); resp != nil || err == nil {
		t.Errorf("PostMultipart to a malformed URL = %v, %v, want an error", resp, err)
	}
	wrong := errors.New("close failed")
	client := &http.Client{Transport: multipartEndCloser{wrong}}
	resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != wrong {
		t.Errorf("Close error = %v, want that of the body", err)
	}
}
