package ch08

import (
	"context"
	"errors"
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("idle: %w", err)
	}
	timedOut := fmt.Errorf("nothing for %v: %w", d, os.ErrDeadlineExceeded)
	timer := time.AfterFunc(d, func() { cancel(timedOut) })
	resp, err := client.Do(req)
	timer.Stop() // the next wait begins with the first Read
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close() // is the connection: the context would not end a Read
		err = errors.New("idle: status 101 without a request to switch protocols")
	}
	if err != nil {
		err = idleCause(ctx, err)
		cancel(nil)
		return nil, err
	}
	resp.Body = &idleBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timer: timer, d: d}
	return resp, nil
}

// idleCause returns why ctx has ended, if it has, in place of err: over HTTP/2 err is
// context.Canceled.
func idleCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("idle: %w", context.Cause(ctx))
	}
	return err
}

// idleBody runs the timer only while a Read waits. A reset after each Read, which is
// common, counts the time that the caller spends elsewhere.
type idleBody struct {
	io.ReadCloser
	mu     sync.Mutex      // held during a Read
	ctx    context.Context // of the request: ends with the body
	cancel context.CancelCauseFunc
	timer  *time.Timer
	d      time.Duration
}

func (b *idleBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Reset(b.d)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop() // if it has fired the next read fails
	if err != nil && err != io.EOF {
		err = idleCause(b.ctx, err)
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
	defer b.cancel(http.ErrBodyReadAfterClose) // for a Read after Close
	return b.ReadCloser.Close()
}
