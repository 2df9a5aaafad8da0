package ch08_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch08"
	"network-programming-with-go/ch08/internal/pipe"
)

// switchUnasked responds with 101 to a client that did not ask to switch protocols, and
// falls silent.
func switchUnasked(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // a failure shows at the client
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the client gets another status
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	io.Copy(io.Discard, conn) // ends when the client closes
}

// The Body of a 101 is the connection. Only Close ends a Read of it: neither the context
// nor Client.Timeout does.
func TestSwitchBlocksRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _ := pipe.Serve(t, switchUnasked).Client(t)
		client.Timeout = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://peer.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, func() { resp.Body.Close() })
		_, err = io.ReadAll(resp.Body)
		if got := time.Since(start); resp.StatusCode != 101 || got != time.Hour {
			t.Errorf("Read of the Body of %s = %v after %v, want it to wait for Close", resp.Status, err, got)
		}
	})
}

// No function of the chapter waits for such a server. A connection left open would fail the
// bubble.
func TestSwitchUnasked(t *testing.T) {
	const url = "http://peer.example/"
	for _, tt := range []struct {
		name string
		do   func(context.Context, *http.Client) error
	}{
		{"Skew", func(ctx context.Context, client *http.Client) error {
			_, err := ch08.Skew(ctx, client, url)
			return err
		}},
		{"Size", func(ctx context.Context, client *http.Client) error {
			_, err := ch08.Size(ctx, client, url)
			return err
		}},
		{"GetLimited", func(ctx context.Context, client *http.Client) error {
			_, err := ch08.GetLimited(ctx, client, url, 100)
			return err
		}},
		{"GetIdle", func(ctx context.Context, client *http.Client) error {
			_, err := ch08.GetIdle(ctx, client, url, time.Minute)
			return err
		}},
		{"PostJSON", func(ctx context.Context, client *http.Client) error {
			_, err := ch08.PostJSON[int, int](ctx, client, url, 1)
			return err
		}},
		{"PostMultipart", func(ctx context.Context, client *http.Client) error {
			_, err := ch08.PostMultipart(ctx, client, url, ch08.Part{Name: "a", Data: strings.NewReader("x")})
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := pipe.Serve(t, switchUnasked).Client(t)
				start := time.Now()
				err := tt.do(t.Context(), client)
				if got := time.Since(start); err == nil || got != 0 {
					t.Errorf("%s error = %v after %v, want one at once", tt.name, err, got)
				}
				t.Log(err)
			})
		})
	}
}
