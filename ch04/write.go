package ch04

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// WriteFull writes all of p to conn, even if single writes time out: it goes on after the
// bytes that were taken, never from the start, which would send them twice. Each write may
// take timeout, above 0. If one times out without taking a byte, the peer has stopped, and
// WriteFull returns os.ErrDeadlineExceeded.
//
// It returns the bytes taken: by our kernel, not by the peer. It leaves no write
// deadline behind. Any other error ends it at once, as it ends the conn. Not for
// *tls.Conn, which does not recover from a timed-out write.
func WriteFull(conn net.Conn, p []byte, timeout time.Duration) (n int, err error) {
	defer conn.SetWriteDeadline(time.Time{}) // cannot fail but on a closed conn
	for {
		if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return n, fmt.Errorf("write: %w", err)
		}
		taken, err := conn.Write(p[n:])
		if taken < 0 || taken > len(p)-n {
			return n, fmt.Errorf("write: a count of %d for %d bytes", taken, len(p)-n)
		}
		n += taken
		switch {
		case err == nil && n < len(p):
			return n, io.ErrShortWrite // against the contract of io.Writer
		case err == nil:
			return n, nil
		case taken == 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, fmt.Errorf("write: %d of %d bytes: %w", n, len(p), err)
		}
	}
}
