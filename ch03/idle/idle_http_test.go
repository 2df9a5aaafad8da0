package idle_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/idle"
)

// http.Server keeps a read pending while a handler runs. If the handler thinks longer
// than the limit, that read times out and the context of the request is canceled.
func TestTimeoutUnderHTTPServer(t *testing.T) {
	const limit = 30 * time.Second
	for _, tt := range []struct {
		name         string
		limit, takes time.Duration
		want         error // of the request's context
	}{
		{"thinks less", limit, limit - time.Second, nil},
		{"thinks longer", limit, limit + time.Second, context.Canceled},
		{"thinks longer, no limit", 0, limit + time.Second, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				local, client := net.Pipe()
				defer client.Close()
				var got error
				server := http.Server{Handler: http.HandlerFunc(
					func(_ http.ResponseWriter, r *http.Request) {
						time.Sleep(tt.takes)
						got = r.Context().Err()
					})}
				l := &httpPipe{conns: make(chan net.Conn, 1)}
				l.conns <- idle.Timeout(local, tt.limit)
				served := make(chan error, 1)
				go func() { served <- server.Serve(l) }()
				io.WriteString(client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
				response, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Errorf("response: %v", err)
				} else {
					response.Body.Close()
				}
				if !errors.Is(got, tt.want) {
					t.Errorf("the request's context: %v, want %v", got, tt.want)
				}
				server.Close()
				if err := <-served; !errors.Is(err, http.ErrServerClosed) {
					t.Errorf("Serve = %v, want http.ErrServerClosed", err)
				}
			})
		})
	}
}

// httpPipe is a listener that accepts the conns of a channel.
type httpPipe struct {
	conns chan net.Conn
	once  sync.Once
}

func (l *httpPipe) Accept() (net.Conn, error) {
	conn, ok := <-l.conns
	if !ok {
		return nil, os.ErrClosed
	}
	return conn, nil
}

func (l *httpPipe) Addr() net.Addr { return &net.TCPAddr{} }

func (l *httpPipe) Close() error {
	l.once.Do(func() { close(l.conns) })
	return nil
}
