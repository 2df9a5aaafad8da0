package ch08_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
)

// multipartServe serves h in memory, over pipes without a buffer.
func multipartServe(t testing.TB, h http.HandlerFunc) *http.Client {
	conns := make(multipartListener)
	srv := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(conns) }()
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		local, remote := net.Pipe()
		conns <- remote
		return local, nil
	}}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Shutdown(context.Background()) // waits for handlers; in memory it cannot fail
		<-served
	})
	return &http.Client{Transport: tr}
}

type multipartListener chan net.Conn

func (l multipartListener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l multipartListener) Close() error   { close(l); return nil } // once, by Shutdown
func (l multipartListener) Addr() net.Addr { return &net.TCPAddr{} }

// multipartEcho answers with a line for each part.
func multipartEcho(limit int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var answer bytes.Buffer
		for part, err := range ch08.Parts(w, r, limit) {
			var data []byte
			if err == nil {
				data, err = io.ReadAll(part)
			}
			if err != nil {
				status := http.StatusBadRequest
				if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
					status = http.StatusRequestEntityTooLarge
				} else if errors.Is(err, ch08.ErrNoBoundary) {
					status = http.StatusUnsupportedMediaType
				}
				http.Error(w, err.Error(), status)
				return
			}
			fmt.Fprintf(&answer, "%s %q %s %q\n", part.FormName(), part.FileName(),
				part.Header.Get("Content-Type"), data)
		}
		answer.WriteTo(w) // a client that left has nobody to tell
	}
}

func TestMultipartPost(t *testing.T) {
	for _, wrap := range []func(io.Reader) io.Reader{
		func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader,
	} {
		client := multipartServe(t, multipartEcho(1<<20))
		resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
			ch08.Part{Name: "who", Data: wrap(strings.NewReader("Ada"))},
			ch08.Part{Name: "note", FileName: "n.txt", Type: "text/plain; charset=utf-8",
				Data: wrap(strings.NewReader("one\r\n--two"))},
			ch08.Part{Name: "empty", FileName: "e", Data: wrap(strings.NewReader(""))},
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
	}
}

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

// A Data that fails ends the request with its error, and the server does not take what
// has arrived for the whole.
func TestMultipartFailingReader(t *testing.T) {
	t.Parallel()
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
	} {
		synctest.Test(t, func(t *testing.T) {
			status := make(chan error, 1)
			client := multipartServe(t, func(w http.ResponseWriter, r *http.Request) {
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
			})
			resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
				ch08.Part{Name: "first", Data: strings.NewReader(strings.Repeat("x", 100<<10))}, tt.part)
			if err == nil {
				resp.Body.Close()
				t.Fatalf("%s: PostMultipart succeeded", tt.name)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%s: error = %v, want %v", tt.name, err, tt.want)
			}
			if got := <-status; !errors.Is(got, io.ErrUnexpectedEOF) {
				t.Errorf("%s: the server sees %v, want io.ErrUnexpectedEOF", tt.name, got)
			}
			t.Logf("%s: %v", tt.name, err)
		})
	}
}

// A server that refuses early is heard, and after Close no Data is read any more; a
// goroutine left behind would fail the bubble.
func TestMultipartEarlyAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := multipartServe(t, multipartEcho(1<<20))
		noise := newMultipartNoise() // without end
		resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
			ch08.Part{Name: "file", FileName: "noise", Data: noise})
		if err != nil {
			t.Fatal(err)
		}
		msg, err := io.ReadAll(resp.Body)
		if resp.StatusCode != 413 || !strings.Contains(string(msg), "too large") || err != nil {
			t.Errorf("answer = %s: %q, %v, want 413", resp.Status, msg, err)
		}
		resp.Body.Close()
		sent := noise.sent.Load()
		synctest.Wait()
		if got := noise.sent.Load(); got != sent || sent > 2<<20 {
			t.Errorf("%d bytes read before Close and %d after, want 1 MiB and 0", sent, got-sent)
		}
	})
}

// A form without parts is whole too.
func TestMultipartNoParts(t *testing.T) {
	client := multipartServe(t, multipartEcho(1<<20))
	resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(got) != 0 || err != nil {
		t.Errorf("answer = %s: %q, %v, want 200 and nothing", resp.Status, got, err)
	}
}

// A redirect is the answer: followed by a GET, it would look as if the form had arrived.
func TestMultipartRedirect(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		client := multipartServe(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/new", code)
		})
		resp, err := ch08.PostMultipart(t.Context(), client, "http://peer.example/",
			ch08.Part{Name: "who", Data: strings.NewReader("Ada")})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != code || resp.Header.Get("Location") != "/new" {
			t.Errorf("redirect by %d: answer = %s, want the redirect", code, resp.Status)
		}
	}
}

// A cancelled upload ends, and its Data is free.
func TestMultipartCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client := multipartServe(t, func(w http.ResponseWriter, r *http.Request) {
			io.CopyN(io.Discard, r.Body, 100<<10) // a failure shows at the client
			// With its body unread a request's context does not notice that the client
			// has left, so a handler must not wait for that alone.
			<-release
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait() // until the upload has come to a halt
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

type multipartReader func([]byte) (int, error)

func (f multipartReader) Read(p []byte) (int, error) { return f(p) }

// A Data that is just being read is waited for, so that its owner may close it then.
func TestMultipartWaitsForData(t *testing.T) {
	for _, answered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			reading, release := make(chan struct{}), make(chan struct{})
			client := multipartServe(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Connection", "close") // answers without reading the body
				<-reading
				if !answered {
					<-release
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var returned atomic.Bool
			go func() {
				resp, err := ch08.PostMultipart(ctx, client, "http://peer.example/",
					ch08.Part{Name: "slow", Data: multipartReader(func([]byte) (int, error) {
						close(reading)
						<-release
						return 0, io.EOF
					})})
				if (err == nil) != answered {
					t.Errorf("PostMultipart error = %v, want one: %t", err, !answered)
				}
				if err == nil {
					resp.Body.Close()
				}
				returned.Store(true)
			}()
			<-reading
			if !answered {
				cancel()
			}
			time.Sleep(time.Minute)
			if returned.Load() {
				t.Errorf("answered %t: returned while the Data is read", answered)
			}
			close(release)
			synctest.Wait()
			if !returned.Load() {
				t.Errorf("answered %t: has not returned after the Data's end", answered)
			}
		})
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
