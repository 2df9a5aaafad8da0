package ch09

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Copy with: shutdown.go.

// Limits that NewServer sets. A zero http.Server has only MaxHeaderBytes.
const (
	// ReadHeaderTimeout bounds the TLS handshake and the reading of a request's header.
	// HTTP/2 has it for the handshake only; see PingTimeout.
	ReadHeaderTimeout = 5 * time.Second
	// ReadTimeout bounds the reading of a whole request, header and body.
	ReadTimeout = 30 * time.Second
	// WriteTimeout runs from the end of the header to the end of the response. Over HTTP/2
	// it also ends a connection on which nothing could be written for that long.
	WriteTimeout = 60 * time.Second
	// IdleTimeout is how long a kept connection may wait for its next request.
	IdleTimeout = 90 * time.Second
	// SendPingTimeout is how long an HTTP/2 peer may be silent before it is sent a PING.
	SendPingTimeout = 20 * time.Second
	// PingTimeout is how long that PING may stay without an answer. A slow reader answers
	// only after it has read what was sent before the PING.
	PingTimeout = 60 * time.Second
	// MaxHeaderBytes bounds request line and header; net/http adds 4 KiB of slack.
	MaxHeaderBytes = 64 << 10 // 64 KiB
	// ShutdownGrace is how long Run lets requests in flight finish. Keep it below the time that
	// your supervisor waits before SIGKILL; Docker waits for 10 s.
	ShutdownGrace = 20 * time.Second
)

// errStopped is the cause in the contexts of requests that outlive Run.
var errStopped = errors.New("the server has stopped")

// NewServer returns a server for addr ("host:port") and handler with every limit set.
// A header above MaxHeaderBytes is answered 431. A peer that is too slow loses its
// connection. A handler that needs longer, for a big upload or download, moves its own
// deadline with [http.ResponseController], as FileServer does. The size of a body is not
// bounded here: see [http.MaxBytesReader]. Change the fields before serving.
//
// Not for responses without an end (server-sent events, WebSocket) unless their handler
// lifts the write deadline.
func NewServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  SendPingTimeout,
			PingTimeout:      PingTimeout,
			WriteByteTimeout: WriteTimeout,
		},
	}
}

// Run serves srv on l until ctx ends. Then it closes l and waits up to ShutdownGrace for
// the requests in flight. If some are left, it cuts them off, ends their contexts, and
// returns an error that matches context.DeadlineExceeded. A Shutdown or Close of srv by
// others counts as the end of ctx. If serving fails, Run closes srv and returns that error.
//
// Run owns l and closes it in every case. It serves TLS, by default with HTTP/2, if
// srv.TLSConfig is set. A server runs once. Requests do not inherit ctx, or its end would
// cancel the requests that are to finish. Handlers that ignore their context may outlive
// Run, and so may hijacked connections. The kernel resets connections that it completed
// but Run did not accept, so clients must still retry (RFC 9110, section 9.2.2).
func Run(ctx context.Context, srv *http.Server, l net.Listener) error {
	defer l.Close() // ServeTLS leaves it open if the config has no certificate
	base := context.Background()
	if srv.BaseContext != nil {
		base = srv.BaseContext(l)
	}
	if errors.Is(context.Cause(base), errStopped) { // made by Run, and so was the server
		return fmt.Errorf("serve: make a new server for each Run: %w", http.ErrServerClosed)
	}
	base, stop := context.WithCancelCause(base)
	defer stop(errStopped)
	began := false // read after Serve has returned
	srv.BaseContext = func(net.Listener) context.Context { began = true; return base }
	closeSilent := watchSilent(srv)

	served := make(chan error, 1)
	go func() {
		defer close(served)
		if srv.TLSConfig != nil {
			served <- srv.ServeTLS(l, "", "")
		} else {
			served <- srv.Serve(l)
		}
	}()
	select {
	case err := <-served:
		if !errors.Is(err, http.ErrServerClosed) {
			srv.Close() // ends the connections that are left; its error would be about l
			return fmt.Errorf("serve: %w", err)
		}
		if !began {
			return fmt.Errorf("serve: stopped before Run, make a new server: %w", err)
		}
	case <-ctx.Done():
	}

	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), ShutdownGrace)
	defer cancel()
	err := shutdown(grace, srv, closeSilent)
	if errors.Is(err, context.DeadlineExceeded) {
		stop(errStopped)
		srv.Close() // its error would be about l, closed already
		err = fmt.Errorf("shutdown: requests cut off after %v: %w", ShutdownGrace, err)
	} else {
		err = nil // Shutdown's other error is about closing l: the requests did finish
	}
	<-served // whatever it says: the end was asked for
	return err
}
