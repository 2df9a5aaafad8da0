package ch08_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// clientGet requests url and reads the body.
func clientGet(c *http.Client, url string) (string, error) {
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// The peer falls silent at one stage after the other. The client times out at the limit
// of that stage, to the nanosecond of the bubble's clock.
func TestNewClientTimesOut(t *testing.T) {
	unreachable := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		local, remote := net.Pipe()
		go io.Copy(io.Discard, remote) // ends when the client closes its side
		return local, nil
	}
	for _, tt := range []struct {
		name   string
		scheme string
		dial   func(context.Context, string, string) (net.Conn, error)
		set    func(*http.Client, *http.Transport)
		want   time.Duration
	}{
		{"dial", "http", unreachable, nil, 5 * time.Second},
		{"TLS handshake", "https", silent, nil, 5 * time.Second},
		{"response header", "http", silent, nil, 15 * time.Second},
		{"response header, set", "http", silent, func(_ *http.Client, tr *http.Transport) {
			tr.ResponseHeaderTimeout = time.Second
		}, time.Second},
		{"the whole request", "http", silent, func(_ *http.Client, tr *http.Transport) {
			tr.ResponseHeaderTimeout = 0 // none
		}, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := ch08.NewClient(tt.dial)
				if tt.set != nil {
					tt.set(client, client.Transport.(*http.Transport))
				}
				start := time.Now()
				_, err := clientGet(client, tt.scheme+"://127.0.0.1/")
				if !os.IsTimeout(err) {
					t.Errorf("Get error = %v, want a timeout", err)
				}
				if got := time.Since(start); got != tt.want {
					t.Errorf("Get timed out after %v, want %v", got, tt.want)
				}
				t.Logf("%-8v %v", time.Since(start), err)
			})
		})
	}
}

// Timeout also ends a body that keeps coming, which no other limit does.
func TestNewClientTimeoutEndsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, ".") // an error shows in the context
				http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		})
		start := time.Now()
		body, err := clientGet(ch08.NewClient(server.Dial), "http://127.0.0.1/")
		d := time.Since(start)
		if !os.IsTimeout(err) || d != 30*time.Second {
			t.Errorf("ReadAll = %d bytes, %v after %v, want a timeout after 30s", len(body), err, d)
		}
	})
}

// Requests to a number of hosts at the same time: connections made, and kept.
func TestNewClientConnLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		hosts, requests int
		made, kept      int64
	}{
		{"one host", 1, 65, 64, 16},
		{"ten hosts", 10, 130, 130, 128},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := pipe.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(time.Second) // on the bubble's clock: all overlap
					// A response without a body could be lost: its connection is pooled, and
					// closed by MaxIdleConns, before the caller has it.
					io.WriteString(w, "x") // a failure shows at the client
				})
				client := ch08.NewClient(server.Dial)
				defer client.CloseIdleConnections()
				var wg sync.WaitGroup
				for i := range tt.requests {
					wg.Go(func() {
						_, err := clientGet(client, fmt.Sprintf("http://127.0.0.%d/", i%tt.hosts+1))
						if err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				if made, kept := server.Made.Load(), server.Open.Load(); made != tt.made || kept != tt.kept {
					t.Errorf("%d connections made, %d kept, want %d, %d", made, kept, tt.made, tt.kept)
				}
			})
		})
	}
}

func TestNewClientIdleConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pipe.Serve(t, func(http.ResponseWriter, *http.Request) {})
		client := ch08.NewClient(server.Dial)
		for range 2 {
			if _, err := clientGet(client, "http://127.0.0.1/"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			time.Sleep(60*time.Second - 1)
			if got := server.Open.Load(); got != 1 {
				t.Fatalf("%d connections just before the limit, want 1", got)
			}
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if made, open := server.Made.Load(), server.Open.Load(); made != 1 || open != 0 {
			t.Errorf("after 60s idle %d of %d connections are open, want 0 of 1", open, made)
		}
	})
}

func ExampleNewClient() {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // never responds; ends when the client leaves
	}))
	defer ts.Close()
	client := ch08.NewClient(nil)
	defer client.CloseIdleConnections()
	client.Transport.(*http.Transport).ResponseHeaderTimeout = 50 * time.Millisecond
	_, err := client.Get(ts.URL)
	fmt.Println("timed out:", os.IsTimeout(err))
	// Output: timed out: true
}
