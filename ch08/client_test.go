package ch08_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
)

// clientPeer is a server in memory, for bubbles: a net.Pipe for each dial.
type clientPeer struct {
	conns     chan net.Conn
	done      chan struct{}
	made, now atomic.Int64 // connections in all, and open at present
}

func (p *clientPeer) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *clientPeer) Close() error   { close(p.done); return nil } // once, by Shutdown
func (p *clientPeer) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *clientPeer) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	local, remote := net.Pipe()
	select {
	case p.conns <- remote:
		return local, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// clientServe runs h until the test or its bubble ends.
func clientServe(t testing.TB, h http.HandlerFunc) *clientPeer {
	p := &clientPeer{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h, ConnState: func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			p.made.Add(1)
			p.now.Add(1)
		case http.StateClosed:
			p.now.Add(-1)
		}
	}}
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(p) }) // always ErrClosed, by the clean-up
	t.Cleanup(func() {
		srv.Shutdown(context.Background()) // waits for the handlers; in memory it cannot fail
		wg.Wait()
	})
	return p
}

// clientGet requests u and reads the body.
func clientGet(c *http.Client, u string) (string, error) {
	resp, err := c.Get(u)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// A peer falls silent at each stage in turn: the client gives up after that stage's
// limit, to the nanosecond of the bubble's clock.
func TestNewClientGivesUp(t *testing.T) {
	deaf := func(ctx context.Context, _, _ string) (net.Conn, error) {
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
		config ch08.ClientConfig
		want   time.Duration
	}{
		{"dial", "http", ch08.ClientConfig{DialContext: deaf}, 5 * time.Second},
		{"dial, set", "http", ch08.ClientConfig{Dial: time.Second, DialContext: deaf}, time.Second},
		{"TLS handshake", "https", ch08.ClientConfig{DialContext: silent}, 5 * time.Second},
		{"response header", "http", ch08.ClientConfig{DialContext: silent}, 15 * time.Second},
		{"total", "http", ch08.ClientConfig{DialContext: silent, ResponseHeader: -1}, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := clientGet(ch08.NewClient(tt.config), tt.scheme+"://127.0.0.1/")
				if !os.IsTimeout(err) {
					t.Errorf("Get error = %v, want a timeout", err)
				}
				if got := time.Since(start); got != tt.want {
					t.Errorf("Get gave up after %v, want %v", got, tt.want)
				}
				t.Logf("%-8v %v", time.Since(start), err)
			})
		})
	}
}

// Total also ends a body that keeps coming, which no other limit does.
func TestNewClientTotalEndsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := clientServe(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, ".") // an error shows in the context
				http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		})
		start := time.Now()
		client := ch08.NewClient(ch08.ClientConfig{DialContext: peer.Dial})
		body, err := clientGet(client, "http://127.0.0.1/")
		d := time.Since(start)
		if !errors.Is(err, context.DeadlineExceeded) || d != 30*time.Second {
			t.Errorf("ReadAll = %d bytes, %v after %v, want context.DeadlineExceeded after 30s",
				len(body), err, d)
		}
	})
}

func TestNewClientIdleConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := clientServe(t, func(http.ResponseWriter, *http.Request) {})
		client := ch08.NewClient(ch08.ClientConfig{DialContext: peer.Dial})
		for range 2 {
			if _, err := clientGet(client, "http://127.0.0.1/"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			time.Sleep(60*time.Second - 1)
			if got := peer.now.Load(); got != 1 {
				t.Fatalf("%d connections just before the limit, want 1", got)
			}
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if made, now := peer.made.Load(), peer.now.Load(); made != 1 || now != 0 {
			t.Errorf("after 60s idle %d of %d connections open, want 0 of 1", now, made)
		}
	})
}

// Requests at once to a number of hosts: connections made, and kept.
func TestNewClientConnLimits(t *testing.T) {
	t.Parallel()
	lifted := ch08.ClientConfig{ConnsPerHost: -1, IdlePerHost: -1, IdleConns: -1}
	for _, tt := range []struct {
		name            string
		config          ch08.ClientConfig
		hosts, requests int
		made, kept      int64
	}{
		{"defaults, one host", ch08.ClientConfig{}, 1, 65, 64, 16},
		{"defaults, ten hosts", ch08.ClientConfig{}, 10, 130, 130, 128},
		{"lifted", lifted, 1, 130, 130, 130},
		{"ConnsPerHost", ch08.ClientConfig{ConnsPerHost: 2}, 2, 6, 4, 4},
		{"IdlePerHost", ch08.ClientConfig{IdlePerHost: 2}, 2, 6, 6, 4},
		{"IdleConns", ch08.ClientConfig{IdleConns: 5}, 2, 6, 6, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				peer := clientServe(t, func(w http.ResponseWriter, _ *http.Request) {
					time.Sleep(time.Second) // on the bubble's clock: all overlap
					// An answer without a body may be lost if IdleConns closes its
					// connection, pooled early, before the caller has the answer.
					io.WriteString(w, "x") // a failure shows at the client
				})
				tt.config.DialContext = peer.Dial
				client := ch08.NewClient(tt.config)
				defer client.CloseIdleConnections()
				var wg sync.WaitGroup
				for i := range tt.requests {
					wg.Go(func() {
						if _, err := clientGet(client, fmt.Sprintf("http://127.0.0.%d/", i%tt.hosts+1)); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				if made, kept := peer.made.Load(), peer.now.Load(); made != tt.made || kept != tt.kept {
					t.Errorf("%d connections made, %d kept, want %d, %d", made, kept, tt.made, tt.kept)
				}
			})
		})
	}
}

// A body held back by "Expect: 100-continue" is sent after a second without a word.
func TestNewClientExpectContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		peer := clientServe(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Second) // does not read, so the server sends no 100
		})
		held := make(chan time.Duration, 1)
		body := clientReader(func([]byte) (int, error) {
			held <- time.Since(start)
			return 0, io.EOF
		})
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1/", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Expect", "100-continue")
		resp, err := ch08.NewClient(ch08.ClientConfig{DialContext: peer.Dial}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := <-held; got != time.Second {
			t.Errorf("body sent after %v, want 1s", got)
		}
	})
}

type clientReader func([]byte) (int, error)

func (f clientReader) Read(p []byte) (int, error) { return f(p) }

// An answer that takes a day: the default client's settings wait for it.
func TestDefaultClientWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := clientServe(t, func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(24 * time.Hour):
			case <-r.Context().Done():
			}
		})
		tr := http.DefaultTransport.(*http.Transport).Clone()
		tr.DialContext = peer.Dial
		defer tr.CloseIdleConnections()
		plain := *http.DefaultClient
		plain.Transport = tr
		limited := ch08.NewClient(ch08.ClientConfig{DialContext: peer.Dial})
		for name, tt := range map[string]struct {
			client *http.Client
			want   time.Duration
		}{"http.DefaultClient": {&plain, 24 * time.Hour}, "NewClient": {limited, 15 * time.Second}} {
			start := time.Now()
			_, err := clientGet(tt.client, "http://127.0.0.1/")
			if got := time.Since(start); got != tt.want {
				t.Errorf("%s waited %v, want %v", name, got, tt.want)
			}
			t.Logf("%-18s waited %-8v error: %v", name, time.Since(start), err)
		}
	})
}
