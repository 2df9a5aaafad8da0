package ch08

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// GetIdle sends a GET request and returns the answer with a Body that gives up once it
// has waited d for a byte, however long the whole takes. The header has to arrive within
// d too, counted from the call, connecting and redirects included. Only waiting counts:
// a caller who takes longer than d between two reads loses nothing.
//
// Giving up ends the request and shows as an error that matches os.ErrDeadlineExceeded,
// and so is a net.Error with Timeout() true; an error by ctx is ctx's cause. The caller
// closes the Body, which ends the timer and the request's context. Close may be called
// while another goroutine reads, and ends that read, by http.ErrBodyReadAfterClose.
//
// Client.Timeout still bounds the whole, so use a client without one (ClientConfig with
// a negative Total). GetIdle does not help against a server that sends a byte just often
// enough: bound the whole by ctx if it must end. Of a gzip'ed body that the client unpacks,
// it is unpacked bytes that are waited for. Every status is returned as it is.
func GetIdle(
	ctx context.Context, client *http.Client, url string, d time.Duration,
) (*http.Response, error) {
	if d <= 0 {
		return nil, fmt.Errorf("idle: timeout %v: want more than 0", d)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	gaveUp := fmt.Errorf("idle: nothing for %v: %w", d, os.ErrDeadlineExceeded)
	b := &idleBody{ctx: ctx, cancel: cancel, gaveUp: gaveUp, d: d,
		timer: time.AfterFunc(d, func() { cancel(gaveUp) })}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("idle: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		err = b.cause(err) // before stop gives the context a cause of its own
		b.stop()
		return nil, err
	}
	b.timer.Stop() // the next wait begins with the first read
	b.ReadCloser = resp.Body
	resp.Body = b
	return resp, nil
}

// idleBody lets the timer run while a read waits, and only then. The naive way, a reset
// after each read, blames the server for the time its reader spends elsewhere.
type idleBody struct {
	io.ReadCloser
	mu     sync.Mutex      // held by a read under way
	ctx    context.Context // the request's, not a caller's: it ends with the body
	cancel context.CancelCauseFunc
	timer  *time.Timer
	gaveUp error
	d      time.Duration
}

func (b *idleBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Reset(b.d)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop() // too late if it has fired: then the next read fails
	if err != nil && err != io.EOF {
		err = b.cause(err)
	}
	return n, err
}

// Close cancels first only if a read is under way, to end it: Go 1.27's Close would try
// to drain the body against it. Otherwise it cancels last, so that the connection may
// be kept.
func (b *idleBody) Close() error {
	if !b.mu.TryLock() {
		b.cancel(http.ErrBodyReadAfterClose)
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	defer b.stop()
	return b.ReadCloser.Close()
}

func (b *idleBody) stop() {
	b.timer.Stop()
	b.cancel(http.ErrBodyReadAfterClose) // for a read of the body that comes too late
}

// cause says why the request's context ended, if it has, for whatever error that made;
// over HTTP/2 that is a bare context.Canceled.
func (b *idleBody) cause(err error) error {
	switch c := context.Cause(b.ctx); c {
	case nil:
		return err
	case b.gaveUp:
		return c
	default:
		return fmt.Errorf("idle: %w", c)
	}
}
