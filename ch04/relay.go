package ch04

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Copy with: proxy.go, relay_linux.go, relay_pipe_linux.go, relay_other.go.

// ErrIdle is the reason why a Relay ended a connection on which nothing moved.
var ErrIdle = errors.New("relay: idle for too long")

// A Relay is Proxy for servers with thousands of connections: idle ones cost two
// sockets, two goroutines and no buffer, and end after a time. The zero value is ready
// to use, and Run may be called by many goroutines at once.
type Relay struct {
	// IdleTimeout ends a pair of connections with ErrIdle after no byte has been read
	// or written, in either direction, for so long. Zero or less: never. Between conns
	// other than *net.TCPConn, and everywhere but on Linux, up to 32 KiB are one Write,
	// and a receiver that takes longer than IdleTimeout for them counts as idle.
	IdleTimeout time.Duration

	// Splice leaves every byte to io.Copy, as Proxy does. On Linux that costs two
	// pipes a pair, idle or not, and IdleTimeout is exact to a quarter only; a receiver
	// that takes longer than IdleTimeout for the 1 MiB in a pipe counts as idle.
	// Without it a Relay on Linux copies what is small, has a pipe only while much is
	// flowing, and looks for more before it sleeps. That is for a proxy in a process of
	// its own; in one that is busy with other work the looking takes a core from it,
	// and Splice is faster: BenchmarkProxy.
	Splice bool
}

// Run copies both ways until both have ended, ctx has, or nothing moved for
// IdleTimeout. It owns and closes the connections, passes on ends and resets, and
// returns errors just as Proxy does; errors.Is(err, ErrIdle) tells an idle end.
func (r Relay) Run(ctx context.Context, client, server net.Conn) error {
	moved, failed := func() {}, func() {}
	if r.IdleTimeout > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		idle := relayIdle{limit: r.IdleTimeout, start: time.Now(), cancel: cancel}
		idle.timer.Store(time.AfterFunc(r.IdleTimeout, idle.check))
		defer idle.stop()
		moved, failed = idle.moved, idle.stop
	}
	return proxyRun(ctx, client, server, func(dst, src net.Conn) (err error) {
		if r.Splice {
			err = relaySplice(dst, src, r.IdleTimeout, moved)
		} else {
			err = relayCopy(dst, src, moved)
		}
		if err != nil {
			failed() // from here on ProxyGrace is the bound
		}
		return err
	})
}

// relayIdle watches a pair without touching its conns: a deadline moved ahead with
// each byte would cost more than noting the time.
type relayIdle struct {
	limit  time.Duration
	start  time.Time
	last   atomic.Int64 // the last progress, in nanoseconds since start
	timer  atomic.Pointer[time.Timer]
	cancel context.CancelCauseFunc
}

func (w *relayIdle) moved() { w.last.Store(int64(time.Since(w.start))) }

func (w *relayIdle) check() {
	idle := time.Since(w.start) - time.Duration(w.last.Load())
	if idle >= w.limit {
		w.cancel(ErrIdle)
	} else if t := w.timer.Load(); t != nil {
		t.Reset(w.limit - idle) // bytes have passed since the timer was set
		if w.timer.Load() == nil {
			t.Stop() // stop came in between
		}
	}
}

func (w *relayIdle) stop() {
	if t := w.timer.Swap(nil); t != nil {
		t.Stop() // a check that runs now may still end the pair: it was idle
	}
}

// relaySplice is io.Copy in slices of time: a read deadline ends a slice, and a slice
// without bytes is no progress. Only reads have a deadline, so no byte is lost.
func relaySplice(dst, src net.Conn, idle time.Duration, moved func()) error {
	for {
		end := time.Now().Add(max(idle/4, 1))
		if idle > 0 {
			src.SetReadDeadline(end) // fails on a closed conn only, as io.Copy will
		}
		n, write, err := relaySlice(dst, src)
		if n > 0 {
			moved()
		}
		if idle <= 0 || write || !errors.Is(err, os.ErrDeadlineExceeded) || time.Now().Before(end) {
			return err // also a deadline that the caller set
		}
	}
}

// relaySlice is io.Copy. It reports whether the error is one of dst: where the kernel
// copies, a timeout looks like one of src, and a Write of nothing tells.
func relaySlice(dst, src net.Conn) (n int64, write bool, err error) {
	_, tcp := dst.(*net.TCPConn)
	u, unix := dst.(*net.UnixConn) // of a datagram or a packet nothing is a message, too
	if tcp || unix && u.LocalAddr().Network() == "unix" {
		if n, err = io.Copy(dst, src); errors.Is(err, os.ErrDeadlineExceeded) {
			if _, werr := dst.Write(nil); werr != nil {
				return n, true, werr
			}
		}
		return n, false, err
	}
	r := &relayReads{Reader: src}
	n, err = io.Copy(dst, r)
	return n, r.err == nil, err
}

// relayReads keeps the last error of its Reader.
type relayReads struct {
	io.Reader
	err error
}

func (r *relayReads) Read(p []byte) (n int, err error) {
	n, r.err = r.Reader.Read(p)
	return n, r.err
}

const relaySmall = 32 << 10 // 32 KiB: enough for a conversation

var relayPool = sync.Pool{New: func() any { b := make([]byte, relaySmall); return &b }}

// relayPlain copies between conns of any kind. It holds its buffer while it waits.
func relayPlain(dst, src net.Conn, moved func()) error {
	b := relayPool.Get().(*[]byte)
	defer relayPool.Put(b)
	for {
		n, err := src.Read(*b)
		if n > 0 {
			moved()
			if m, werr := dst.Write((*b)[:n]); werr != nil {
				return werr
			} else if m < n {
				return io.ErrShortWrite // against the contract of io.Writer
			}
			moved()
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
