package ch04_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
)

// The end of ctx ends a pair in any state, and does not look like the end of a stream.
func TestProxyContext(t *testing.T) {
	leak.Check(t)
	reason := errors.New("maintenance")
	for name, before := range map[string]func(client, server net.Conn){
		"idle": func(client, server net.Conn) {},
		"both writers wait": func(client, server net.Conn) { // nobody reads
			for _, c := range []net.Conn{client, server} {
				c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) // it is open
				for err := error(nil); err == nil; {
					_, err = c.Write(make([]byte, 64<<10))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			start := func() (client, server net.Conn, done chan error) {
				client, c := conns.TCPPair(t)
				s, server := conns.TCPPair(t)
				done = make(chan error, 1)
				go func() { done <- ch04.Proxy{}.Run(ctx, c, s) }()
				return client, server, done
			}
			client, server, done := start()
			before(client, server)
			cancel(reason)
			if err := <-done; !errors.Is(err, reason) {
				t.Errorf("Run = %v, want %v", err, reason)
			}
			for _, c := range []net.Conn{client, server} {
				if _, err := io.Copy(io.Discard, c); err == nil {
					t.Error("the end of ctx looks like the end of the stream")
				}
			}
			_, _, done = start() // ctx has ended before the call
			if err := <-done; !errors.Is(err, reason) {
				t.Errorf("Run after the end of ctx = %v, want %v", err, reason)
			}
		})
	}
}

// proxyCut delivers half a response, and is reset in the moment in which ctx ends.
type proxyCut struct {
	*net.TCPConn
	response string
	cancel   func()
}

func (c *proxyCut) Read(p []byte) (int, error) {
	n := copy(p, c.response)
	if c.response = c.response[n:]; n > 0 {
		return n, nil
	}
	c.cancel()
	return 0, syscall.ECONNRESET
}

// A stream that was cut is reset, also if ctx ends in the same moment: a FIN would make
// it look whole.
func TestProxyContextAtTheCut(t *testing.T) {
	leak.Check(t)
	for range 50 {
		client, c := conns.TCPPair(t)
		s, _ := conns.TCPPair(t)
		client.CloseWrite() // so that nothing waits for the end of ctx
		ctx, cancel := context.WithCancel(t.Context())
		err := ch04.Proxy{}.Run(ctx, c, &proxyCut{s, "half a response", cancel})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want context.Canceled", err)
		}
		if got, err := io.ReadAll(client); err == nil {
			t.Fatalf("client read %q and io.EOF, want a reset", got)
		}
	}
}

// proxyLast calls last with each CloseWrite.
type proxyLast struct {
	net.Conn
	last func()
}

func (c proxyLast) CloseWrite() error { c.last(); return nil }

// A ctx that ends in the moment in which the second direction does cuts what is still
// in the kernel's buffers: that is no success.
func TestProxyContextAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		server.Close()
		client.Close()
		ended := 0
		last := func() {
			if ended++; ended == 2 {
				cancel()
				synctest.Wait() // until the conns are reset
			}
		}
		err := ch04.Proxy{}.Run(ctx, proxyLast{c, last}, proxyLast{s, last})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want context.Canceled", err)
		}
	})
}
