package ch08_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
)

// clientPingListener hands out connections in memory, for bubbles.
type clientPingListener chan net.Conn

func (l clientPingListener) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l clientPingListener) Close() error   { close(l); return nil } // once, by the server
func (l clientPingListener) Addr() net.Addr { return &net.TCPAddr{} }

// clientPingConn is a connection whose peer vanishes, as by a firewall that forgot it:
// what is written gets lost without an error.
type clientPingConn struct {
	net.Conn
	dead *atomic.Bool
}

func (c clientPingConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// A request that times out over HTTP/2 gives up a stream, so the next one takes the same
// dead connection. Only a ping finds out.
func TestNewClientPing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ping   time.Duration
		failed int // requests, of 8 s at most, out of six
	}{{0, 4}, {5 * time.Second, 2}, {-1, 6}} {
		synctest.Test(t, func(t *testing.T) {
			hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, "hello") // a failure shows at the client
			})
			srv := &http.Server{Handler: hello, Protocols: new(http.Protocols)}
			srv.Protocols.SetUnencryptedHTTP2(true)
			conns, served := make(clientPingListener), make(chan error, 1)
			go func() { served <- srv.Serve(conns) }()
			var dials, dead atomic.Bool
			client := ch08.NewClient(ch08.ClientConfig{Ping: tt.ping, Total: 8 * time.Second,
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					local, remote := net.Pipe()
					conns <- remote
					if dials.Swap(true) {
						return local, nil
					}
					return clientPingConn{local, &dead}, nil // the first
				}})
			tr := client.Transport.(*http.Transport)
			tr.Protocols = srv.Protocols
			get := func() error {
				resp, err := client.Get("http://peer.example/")
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				_, err = io.Copy(io.Discard, resp.Body)
				return err
			}
			if err := get(); err != nil {
				t.Fatal(err)
			}
			dead.Store(true)
			failed := 0
			for range 6 {
				if err := get(); err != nil {
					failed++
					t.Logf("Ping %v: timeout %t: %v", tt.ping, os.IsTimeout(err), err)
				}
			}
			if failed != tt.failed {
				t.Errorf("Ping %v: %d of 6 requests failed, want %d", tt.ping, failed, tt.failed)
			}
			client.CloseIdleConnections()
			srv.Close() // there is nothing in flight that matters
			<-served
		})
	}
}
