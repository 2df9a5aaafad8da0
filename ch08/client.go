package ch08

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"
)

// ErrTooManyRedirects reports a server that redirects more often than
// ClientConfig.Redirects allows. Test for it with errors.Is.
var ErrTooManyRedirects = errors.New("client: too many redirects")

// ClientConfig bounds what an http.Client waits for and what it holds. Each zero field
// takes the default named beside it; a negative one lifts the limit, except where noted.
type ClientConfig struct {
	Dial           time.Duration // 5 s, to look up a name and connect
	TLSHandshake   time.Duration // 5 s, after the connection is made
	ResponseHeader time.Duration // 15 s, from the request written to the header read
	ExpectContinue time.Duration // 1 s, then a body is sent unasked; negative is at once

	// Ping is 15 s: an HTTP/2 connection that is silent for so long is asked for a sign of
	// life, and closed if there is none for so long again. Without it a dead connection
	// takes every request, as what times out is a stream, until TCP gives up.
	Ping time.Duration

	// Total is 30 s: the whole request, redirects and the reading of the body included.
	// Large downloads lift it and bound the silence instead, see GetIdle.
	Total time.Duration

	IdleConn     time.Duration // 60 s, then an unused connection is closed
	ConnsPerHost int           // 64 in use and idle; further requests wait for a free one
	IdlePerHost  int           // 16 kept for reuse
	IdleConns    int           // 128 kept for reuse, all hosts together
	HeaderBytes  int64         // 64 KiB of response header; negative is 10 MiB
	Redirects    int           // 5; negative follows none and returns the 3xx answer

	// TLS is cloned; nil means the system's roots and TLS 1.2 or later.
	TLS *tls.Config

	// DialContext makes connections within Dial; nil means a net.Dialer. Unix sockets
	// and tests set it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// NewClient returns an HTTP/1.1 and HTTP/2 client that gives up at c's limits, where
// http.DefaultClient waits for ever and opens connections without bound. What a limit
// of time ends matches context.DeadlineExceeded or is a net.Error whose Timeout method
// returns true; the *url.Error from the client has that method for both, unless a
// DialContext of c's hides it by wrapping its error. A connection that Ping finds dead
// is lost, which is no timeout.
//
// The client owns a new pool of connections. It is safe for concurrent use: make one for
// each service talked to and keep it, since a client for each request never reuses a
// connection. Call CloseIdleConnections when it is done with. The limits do not bound
// the size of a body, see GetLimited. A proxy is taken from the environment, as by
// http.DefaultClient.
func NewClient(c ClientConfig) *http.Client {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		tlsConfig = c.TLS.Clone()
	}
	return &http.Client{
		Timeout:       clientLimit(c.Total, 30*time.Second),
		CheckRedirect: clientRedirects(c.Redirects),
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            clientDial(c),
			TLSClientConfig:        tlsConfig,
			ForceAttemptHTTP2:      true, // or a DialContext of our own turns HTTP/2 off
			TLSHandshakeTimeout:    clientLimit(c.TLSHandshake, 5*time.Second),
			ResponseHeaderTimeout:  clientLimit(c.ResponseHeader, 15*time.Second),
			ExpectContinueTimeout:  clientLimit(c.ExpectContinue, time.Second),
			IdleConnTimeout:        clientLimit(c.IdleConn, 60*time.Second),
			MaxConnsPerHost:        clientLimit(c.ConnsPerHost, 64),
			MaxIdleConnsPerHost:    cmp.Or(clientLimit(c.IdlePerHost, 16), math.MaxInt),
			MaxIdleConns:           clientLimit(c.IdleConns, 128),
			MaxResponseHeaderBytes: clientLimit(c.HeaderBytes, 64<<10), // 64 KiB
			HTTP2: &http.HTTP2Config{
				SendPingTimeout: clientLimit(c.Ping, 15*time.Second),
				PingTimeout:     clientLimit(c.Ping, 15*time.Second),
			},
		},
	}
}

// clientLimit maps our "zero is the default, negative is none" to net/http's
// "zero is none".
func clientLimit[T time.Duration | int | int64](v, def T) T {
	return max(cmp.Or(v, def), 0)
}

// clientDial applies c.Dial to either dial function. A context that ends after the
// dial does not harm the connection.
func clientDial(c ClientConfig) func(context.Context, string, string) (net.Conn, error) {
	dial := c.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	limit := clientLimit(c.Dial, 5*time.Second)
	if limit == 0 {
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return dial(ctx, network, address)
	}
}

func clientRedirects(n int) func(*http.Request, []*http.Request) error {
	n = cmp.Or(n, 5)
	return func(_ *http.Request, via []*http.Request) error {
		switch {
		case n < 0:
			return http.ErrUseLastResponse
		case len(via) > n: // via counts the requests made, the first one included
			return fmt.Errorf("%w: more than %d", ErrTooManyRedirects, n)
		}
		return nil
	}
}
