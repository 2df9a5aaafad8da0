package ch03

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// ServeGrace is how long handlers may go on after the end of Serve's context:
	// time to finish an answer. Then their connections are closed.
	ServeGrace = 5 * time.Second

	serveMinPause = 5 * time.Millisecond // after the first failed accept, then doubled
	serveMaxPause = time.Second
)

// Serve accepts connections from l and runs handle for each in a goroutine of its own.
// It owns l, the connections and the goroutines: when it returns, l and every
// connection are closed and every handler has returned.
//
// Serve ends when ctx does, and returns nil. It stops accepting at once. A handler
// learns of the end in three ways: its ctx is done; reads of its conn, pending and
// later ones, fail with os.ErrDeadlineExceeded, so a handler that waits for its peer's
// next request returns; and after ServeGrace its conn is closed, which ends writes, and
// reads of a handler that has moved the deadline. A handler that blocks on anything else
// must watch its ctx itself, or Serve waits for ever.
//
// An accept that fails for want of resources, because its peer has gone, or with an error
// that says Temporary(), is tried again after a pause of 5 ms, doubled with each failure
// in a row up to 1 s: a server out of file descriptors recovers as connections end. Any
// other failure is returned, wrapped, after the handlers have been ended as above:
// net.ErrClosed if somebody else closed l, os.ErrDeadlineExceeded if l had a deadline.
//
// A panic of handle ends the program, as it does in any goroutine: Serve cannot know
// what the handler left half done. Recover in handle to keep serving.
//
// Serve sets no timeouts and no limit on connections: let the Accept of l do that. A conn
// wrapped there, as by IdleTimeout, obeys the deadline that ends its reads; wrapped in
// handle it would move it. For HTTP use http.Server.
func Serve(ctx context.Context, l net.Listener,
	handle func(ctx context.Context, conn net.Conn)) error {
	ctx, cancel := context.WithCancel(ctx)
	cut, cutAll := context.WithCancel(context.Background()) // done: grace is over
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() {
		l.Close() // unblocks Accept
		close(closed)
	})
	var handlers sync.WaitGroup
	defer func() {
		cancel() // after a failed accept ctx has not ended yet
		<-closed
		timer := time.AfterFunc(ServeGrace, cutAll)
		handlers.Wait()
		timer.Stop()
		cutAll() // frees cut, if the timer has not
	}()

	pause := serveMinPause
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close() // arrived at the very end: nobody would serve it
			}
			return nil
		case err != nil && serveRetries(err):
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, serveMaxPause)
			continue
		case err != nil:
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		pause = serveMinPause
		handlers.Go(func() { serveConn(ctx, cut, conn, handle) })
	}
}

// serveConn runs one handler. The end of ctx wakes its reads, the end of cut ends it.
func serveConn(ctx, cut context.Context, conn net.Conn,
	handle func(ctx context.Context, conn net.Conn)) {
	defer conn.Close()
	past := time.Unix(1, 0) // cannot be set on a conn that is closed: as good
	defer serveAfter(ctx, func() { conn.SetReadDeadline(past) })()
	defer serveAfter(cut, func() { conn.Close() })()
	handle(ctx, conn)
}

// serveAfter runs f when ctx ends. The function it returns takes that back, or, too late
// for that, waits for f: a Close that another goroutine has begun is not yet done.
func serveAfter(ctx context.Context, f func()) (undo func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		f()
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// servePassing is an error that knows whether it will pass. In net.Error the method is
// deprecated as vague; of an accept it says enough, and http.Server goes by it as well.
type servePassing interface {
	error
	Temporary() bool
}

// serveRetries reports whether a later accept may succeed where this one failed.
func serveRetries(err error) bool {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return false // a deadline of the listener: it is over for good
	}
	if p, ok := errors.AsType[servePassing](err); ok && p.Temporary() {
		return true
	}
	for _, passing := range []error{
		syscall.EMFILE,       // this process has all the files it may have
		syscall.ENFILE,       // the whole system has
		syscall.ENOBUFS,      // no memory for the socket
		syscall.ENOMEM,       // the same
		syscall.ECONNABORTED, // the peer gave up before it was accepted
		syscall.EPROTO,       // the same, on other systems
		syscall.Errno(10024), // WSAEMFILE: Windows has numbers of its own
		syscall.Errno(10053), // WSAECONNABORTED
		syscall.Errno(10054), // WSAECONNRESET: the peer gave up, again
		syscall.Errno(10055), // WSAENOBUFS
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
