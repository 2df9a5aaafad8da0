// Package pipe serves HTTP in memory, over net.Pipe. Its connections work in a synctest
// bubble and have no buffer: what a client does not read is not even sent.
package pipe

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// Server counts what its clients do.
type Server struct {
	Made atomic.Int64 // connections until now
	Open atomic.Int64 // connections at present
	Read atomic.Int64 // bytes that clients have read, headers included

	conns chan net.Conn
	done  chan struct{}
}

// Serve serves h, by HTTP/1.1 and unencrypted HTTP/2, until the test or its bubble ends.
// Then it closes idle connections and waits for the handlers.
func Serve(t testing.TB, h http.HandlerFunc) *Server {
	s := &Server{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: h, Protocols: new(http.Protocols),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.Made.Add(1)
				s.Open.Add(1)
			case http.StateClosed:
				s.Open.Add(-1)
			}
		}}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener{s}) }()
	t.Cleanup(func() {
		server.Shutdown(context.Background()) // waits for the handlers and cannot fail
		<-served                              // always ErrServerClosed
	})
	return s
}

// Dial connects to s, whatever the address.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	local, remote := net.Pipe()
	select {
	case s.conns <- remote:
		return conn{local, s}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Client returns a client of s with the limits of a zero http.Transport, and this
// Transport to change them. Its idle connections are closed at the end of the test.
func (s *Server) Client(t testing.TB) (*http.Client, *http.Transport) {
	tr := &http.Transport{DialContext: s.Dial}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}, tr
}

// listener accepts what Dial has connected.
type listener struct{ s *Server }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.s.conns:
		return c, nil
	case <-l.s.done:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error   { close(l.s.done); return nil } // once, by Shutdown
func (l listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

type conn struct {
	net.Conn
	s *Server
}

func (c conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.s.Read.Add(int64(n))
	return n, err
}
