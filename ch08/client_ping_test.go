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
	"network-programming-with-go/ch08/internal/pipe"
)

// clientPingConn is a connection whose peer vanishes, as if a firewall forgot it: what is
// written is lost without an error.
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

// A request that times out over HTTP/2 ends a stream, so the next one takes the same dead
// connection. Only a ping notices.
func TestNewClientPing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ping   time.Duration // -1 keeps NewClient's
		failed int           // requests, of 8 s at most, out of six
	}{{"default", -1, 4}, {"5s", 5 * time.Second, 2}, {"none", 0, 6}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := pipe.Serve(t, func(w http.ResponseWriter, r *http.Request) {
					io.WriteString(w, "hello") // a failure shows at the client
				})
				var dialed, dead atomic.Bool
				var first net.Conn
				client := ch08.NewClient(func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := server.Dial(ctx, network, address)
					if err != nil || dialed.Swap(true) {
						return conn, err
					}
					first = conn
					return clientPingConn{conn, &dead}, nil
				})
				client.Timeout = 8 * time.Second
				tr := client.Transport.(*http.Transport)
				tr.Protocols = new(http.Protocols)
				tr.Protocols.SetUnencryptedHTTP2(true)
				if tt.ping >= 0 {
					tr.HTTP2.SendPingTimeout, tr.HTTP2.PingTimeout = tt.ping, tt.ping
				}
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
						t.Logf("timeout %t: %v", os.IsTimeout(err), err)
					}
				}
				if failed != tt.failed {
					t.Errorf("%d of 6 requests failed, want %d", failed, tt.failed)
				}
				client.CloseIdleConnections()
				first.Close()
			})
		})
	}
}
