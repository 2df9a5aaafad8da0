package ch04_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
)

// A slow peer takes ten bytes every second: each write times out after part of them.
func TestWriteFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := net.Pipe()
		defer conn.Close()
		const message = "each byte once, although the writes time out again and again"
		read := make(chan string)
		go func() {
			var got []byte
			buf := make([]byte, 10)
			for {
				time.Sleep(time.Second)
				n, err := peer.Read(buf)
				if got = append(got, buf[:n]...); err != nil {
					break
				}
			}
			read <- string(got)
		}()
		start := time.Now()
		n, err := ch04.WriteFull(conn, []byte(message), 1500*time.Millisecond)
		t.Logf("%d bytes in %v", n, time.Since(start))
		if n != len(message) || err != nil {
			t.Errorf("WriteFull = %d, %v, want %d, nil", n, err, len(message))
		}
		time.Sleep(time.Hour) // no deadline is left behind
		if _, err := conn.Write([]byte("!")); err != nil {
			t.Errorf("Write an hour later: %v", err)
		}
		conn.Close()
		if got := <-read; got != message+"!" {
			t.Errorf("the peer got %q, want %q", got, message+"!")
		}
	})
}

func TestWriteFullStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := net.Pipe()
		defer conn.Close()
		go io.ReadFull(peer, make([]byte, 4)) // and no more
		start := time.Now()
		n, err := ch04.WriteFull(conn, []byte("0123456789"), time.Minute)
		if n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("WriteFull = %d, %v, want 4, os.ErrDeadlineExceeded", n, err)
		}
		if got := time.Since(start); got != 2*time.Minute { // one with bytes, one without
			t.Errorf("gave up after %v, want 2m", got)
		}
		peer.Close()
		if n, err := ch04.WriteFull(conn, nil, time.Minute); n != 0 || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("WriteFull to a closed peer = %d, %v, want 0, io.ErrClosedPipe", n, err)
		}
	})
}

// writeOdd is a conn that counts wrongly.
type writeOdd struct {
	net.Conn
	n   int
	err error
}

func (c writeOdd) Write([]byte) (int, error)        { return c.n, c.err }
func (c writeOdd) SetWriteDeadline(time.Time) error { return nil }

func TestWriteFullOddCounts(t *testing.T) {
	for _, c := range []writeOdd{{n: 6}, {n: -1}, {n: 6, err: os.ErrDeadlineExceeded}, {n: -1, err: io.EOF}} {
		if n, err := ch04.WriteFull(c, []byte("hello"), time.Minute); n != 0 || err == nil {
			t.Errorf("Write = %d, %v: WriteFull = %d, %v, want 0 and an error", c.n, c.err, n, err)
		}
	}
}
