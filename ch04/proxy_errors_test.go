package ch04_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
)

// errorsHalf is a conn whose half-close fails.
type errorsHalf struct {
	net.Conn
	err error
}

func (c errorsHalf) CloseWrite() error { return c.err }

// The error says on one line what failed, and not what Run itself has ended because of it.
func TestProxyErrors(t *testing.T) {
	disk, quota := errors.New("disk full"), errors.New("over quota")
	waits := errors.New("") // for a direction that lasts until its conns are closed
	for _, tt := range []struct {
		name     string
		up, down error // of a copy
		end      error // of the half-close of the request
		want     string
	}{
		{"request", disk, nil, nil, "proxy: client to server: disk full"},
		{"response", nil, disk, nil, "proxy: server to client: disk full"},
		{"end of the request", nil, nil, disk, "proxy: client to server: disk full"},
		{"request, and the response waits", disk, waits, nil, "proxy: client to server: disk full"},
		{"response, and the request waits", waits, disk, nil, "proxy: server to client: disk full"},
		{"both", disk, quota, nil, "proxy: client to server: disk full; proxy: server to client: over quota"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, c := net.Pipe()
				s, server := net.Pipe()
				defer client.Close()
				defer server.Close()
				half := errorsHalf{s, tt.end}
				p := ch04.Proxy{Copy: func(dst, src net.Conn) error {
					err := tt.up
					if src == half {
						err = tt.down
					}
					if err == waits {
						_, err = src.Read(make([]byte, 1))
					}
					return err
				}}
				err := p.Run(t.Context(), c, half)
				if got := fmt.Sprint(err); got != tt.want {
					t.Errorf("Run = %q, want %q", got, tt.want)
				}
				for _, cause := range []error{tt.up, tt.down, tt.end} {
					if cause != nil && cause != waits && !errors.Is(err, cause) {
						t.Errorf("Run = %v does not match %v", err, cause)
					}
				}
			})
		})
	}
}

// One direction fails, the other is silent forever: it gets ProxyGrace and not a moment
// more. That the proxy then closes its conn is not an error to report.
func TestProxyGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		s.SetWriteDeadline(time.Now())   // makes one direction fail,
		go client.Write([]byte("hello")) // as soon as there is something to send
		start := time.Now()
		err := ch04.Proxy{}.Run(t.Context(), c, s)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Run = %v, want os.ErrDeadlineExceeded", err)
		}
		if got := time.Since(start); got != ch04.ProxyGrace {
			t.Errorf("ended after %v, want %v", got, ch04.ProxyGrace)
		}
		if got, want := fmt.Sprint(err), "proxy: client to server: write pipe: i/o timeout"; got != want {
			t.Errorf("Run = %q, want %q: the first cause alone", got, want)
		}
	})
}

// The response has passed whole and the server is gone, but the client goes on sending. To
// close its conn with bytes unread would reset it, and part of the response could be lost.
// So they are read, until the client ends or ProxyGrace does.
func TestProxyLingers(t *testing.T) {
	for _, pause := range []time.Duration{ch04.ProxyGrace / 5, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			client, c := conns.MemoryPair()
			s, server := conns.MemoryPair()
			server.Close()
			done := make(chan error, 1)
			start := time.Now()
			go func() { done <- ch04.Proxy{}.Run(t.Context(), c, s) }()
			if _, err := client.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("client read %v, want io.EOF: the response is whole", err)
			}
			io.WriteString(client, "begin") // this fails to pass; here it cannot be seen
			if _, err := io.WriteString(client, "go on"); err != nil {
				t.Errorf("the client's next write: %v, want it to be read", err)
			}
			time.AfterFunc(pause, func() { client.Close() })
			err := <-done
			got, want := time.Since(start), min(pause, ch04.ProxyGrace)
			if got != want || !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("client ends after %v: Run = %v after %v, want io.ErrClosedPipe after %v",
					pause, err, got, want)
			}
			if _, err := client.Write([]byte("x")); errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("client ends after %v: it was reset, though its stream passed whole", pause)
			}
			client.Close()
		})
	}
}

// The server responds without reading the request to its end, and goes: the client
// must still get the response although its own direction failed.
func TestProxyResponseBeforeReset(t *testing.T) {
	leak.Check(t)
	client, c := conns.TCPPair(t)
	s, server := conns.TCPPair(t)
	done := make(chan error, 1)
	go func() { done <- ch04.Proxy{}.Run(t.Context(), c, s) }()
	io.WriteString(server, "413 too large") // a failure shows in the next read
	server.CloseWrite()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != "413 too large" {
		t.Errorf("response = %q, %v", got, err)
	}
	server.Close()
	for range 100 { // the proxy's side of the server is found dead
		client.Write(make([]byte, 64<<10)) // an error is the proxy's right after ProxyGrace
	}
	client.Close()
	if err := <-done; err == nil {
		t.Error("Run = nil, want the error of the client's direction")
	}
}
