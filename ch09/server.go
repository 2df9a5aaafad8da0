package ch09

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits that NewServer sets. A zero http.Server has none of them but MaxHeaderBytes.
const (
	// ReadHeaderTimeout bounds the TLS handshake and the reading of a request's header;
	// over HTTP/2 only the former, and IdleTimeout ends who does not finish a header.
	ReadHeaderTimeout = 5 * time.Second
	// ReadTimeout bounds the reading of a whole request, header and body.
	ReadTimeout = 30 * time.Second
	// WriteTimeout runs from the end of the header to the end of the answer.
	WriteTimeout = 60 * time.Second
	// IdleTimeout is how long a kept connection may wait for its next request.
	IdleTimeout = 90 * time.Second
	// MaxHeaderBytes bounds request line and header; net/http adds 4 KiB of slack.
	MaxHeaderBytes = 64 << 10 // 64 KiB
	// ShutdownGrace is how long Run lets requests in flight finish. It is longer than a
	// connection may be silent before its first request, which counts as in flight: 5 s,
	// over TLS with HTTP/2 up to 15 s.
	ShutdownGrace = 20 * time.Second
)

// NewServer returns a server for addr ("host:port") and handler with every timeout and
// MaxHeaderBytes set. Too large a header is answered 431; a peer that is too slow loses
// its connection, at most with a 400 for the part that came. A handler that needs
// longer, for a big upload or download, moves its own deadline with
// [http.ResponseController]. The body's size is not bounded here: see
// [http.MaxBytesReader]. Change the fields before serving.
//
// Not for answers without an end (server-sent events, WebSocket) unless their handler
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
	}
}

// Run serves srv on l until ctx ends. Then it closes l and the idle connections and
// waits up to ShutdownGrace for the requests in flight; those left are cut off, their
// contexts end, and the error is one that errors.Is reports as context.DeadlineExceeded.
// It returns nil if every request finished. A Shutdown or Close of srv by others counts
// as the end of ctx. If serving fails before, Run closes srv and returns that error.
//
// Run owns l and closes it in every case. With srv.TLSConfig set it serves TLS, by
// default with HTTP/2. The contexts of requests do not derive from ctx, or its end would
// cancel the very requests that are to finish. Handlers that ignore their context may
// outlive Run; so do hijacked connections, which their handlers own. A connection that
// the kernel completed but Run did not accept before ctx ended is reset, so clients still
// need to repeat idempotent requests (RFC 9110, section 9.2.2).
func Run(ctx context.Context, srv *http.Server, l net.Listener) error {
	defer l.Close() // ServeTLS leaves it open if the config has no certificate
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
	case <-ctx.Done():
	}

	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), ShutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		srv.Close() // its error would be about l, closed already
		err = fmt.Errorf("shutdown: requests cut off after %v: %w", ShutdownGrace, err)
	} else {
		err = nil // Shutdown's other error is that of closing l: the requests did finish
	}
	<-served // whatever it says: the end was asked for
	return err
}
