package ch08

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// ErrTooManyRedirects reports a sixth redirect. Test for it with errors.Is.
var ErrTooManyRedirects = errors.New("client: more than 5 redirects")

// NewClient returns an HTTP/1.1 and HTTP/2 client with a limit for everything that
// http.DefaultClient waits for or holds without one. A timeout is a net.Error whose
// Timeout method reports true. To change a limit, change its field before the first
// request. Keep one client for each service: it is safe for concurrent use and keeps
// connections open until CloseIdleConnections.
//
// If dial is nil, a net.Dialer connects, through the proxy of the environment if it
// names one. With any other dial no proxy is used: the proxy's password would go to
// whatever dial reaches, such as a Unix socket. If you set DialContext, set Proxy to nil.
func NewClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	proxy := http.ProxyFromEnvironment
	if dial != nil {
		proxy = nil
	} else {
		dial = new(net.Dialer).DialContext
	}
	return &http.Client{
		// The whole request, with redirects and the body. Set 0 for large downloads, and
		// limit the silence instead: see GetIdle.
		Timeout: 30 * time.Second,
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > 5 { // via counts the first request too
				return ErrTooManyRedirects
			}
			return nil
		},
		Transport: &http.Transport{
			Proxy: proxy,
			// Name lookup and connecting. The connection outlives this context.
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
				return dial(ctx, network, address)
			},
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second,
			ForceAttemptHTTP2:   true, // a DialContext turns HTTP/2 off

			ResponseHeaderTimeout:  15 * time.Second, // after the request is written
			MaxResponseHeaderBytes: 64 << 10,         // 64 KiB
			ExpectContinueTimeout:  time.Second,      // then the body is sent unasked

			MaxConnsPerHost:     64, // more requests wait for a connection
			MaxIdleConnsPerHost: 16, // kept for reuse; the default is 2
			MaxIdleConns:        128,
			IdleConnTimeout:     60 * time.Second,

			// A timeout ends an HTTP/2 stream, not its connection, so a dead connection
			// fails every request. Pings find it within twice 15 s.
			HTTP2: &http.HTTP2Config{
				SendPingTimeout: 15 * time.Second,
				PingTimeout:     15 * time.Second,
			},
		},
	}
}
