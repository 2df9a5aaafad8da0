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

// GetIdle sends a GET request and returns the response, whatever its status. Its Body
// times out if a Read waits d for a byte, however long the whole takes. The header has
// to arrive within d of the call. The error matches os.ErrDeadlineExceeded; if ctx ends
// it is the cause of ctx. The caller closes the Body, which ends a Read in another
// goroutine too.
//
// Client.Timeout still limits the whole: set it to 0. If the whole must end, limit it by
// ctx: a server may send a byte now and then forever.
func GetIdle(
	ctx context.Context, client *http.Client, url string, d time.Duration,
) (*http.Response, error) {
	if d <= 0 {
		return nil, fmt.Errorf("idle: timeout %v, want more than 0", d)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	timedOut := fmt.Errorf("idle: nothing for %v: %w", d, os.ErrDeadlineExceeded)
	b := &idleBody{ctx: ctx, cancel: cancel, timedOut: timedOut, d: d,
		timer: time.AfterFunc(d, func() { cancel(timedOut) })}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("idle: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		err = b.cause(err) // before stop sets a cause
		b.stop()
		return nil, err
	}
	b.timer.Stop() // the next wait begins with the first read
	b.ReadCloser = resp.Body
	resp.Body = b
	return resp, nil
}

// idleBody runs the timer only while a Read waits. A reset after each Read, which is
// common, counts the time that the caller spends elsewhere.
type idleBody struct {
	io.ReadCloser
	mu       sync.Mutex      // held during a Read
	ctx      context.Context // of the request: ends with the body
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	timedOut error
	d        time.Duration
}

func (b *idleBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Reset(b.d)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop() // if it has fired the next read fails
	if err != nil && err != io.EOF {
		err = b.cause(err)
	}
	return n, err
}

// Close cancels first only to end a Read, since Go 1.27's Close would drain the body at
// the same time. Otherwise it cancels last, which keeps the connection.
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
	b.cancel(http.ErrBodyReadAfterClose) // for a Read after Close
}

// cause returns why the request's context ended, if it has, in place of err: over
// HTTP/2 err is context.Canceled.
func (b *idleBody) cause(err error) error {
	if c := context.Cause(b.ctx); c == b.timedOut {
		return c
	} else if c != nil {
		return fmt.Errorf("idle: %w", c)
	}
	return err
}
