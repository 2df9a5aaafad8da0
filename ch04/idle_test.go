package ch04_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/splice"
)

// idleStart runs a Proxy with an idle limit between two connections in memory.
func idleStart(t *testing.T, limit time.Duration) (client, server *conns.Memory, done chan error) {
	client, c := conns.MemoryPair()
	s, server := conns.MemoryPair()
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(limit, func() { cancel(ch04.ErrIdle) })
	done = make(chan error, 1)
	go func() {
		defer timer.Stop()
		done <- ch04.Proxy{}.Run(ctx, ch04.IdleConn{Conn: c, Timer: timer, Limit: limit},
			ch04.IdleConn{Conn: s, Timer: timer, Limit: limit})
		cancel(nil)
	}()
	return client, server, done
}

// The limit counts from the last byte in either direction. A pair on which something moves
// is never idle.
func TestIdleConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = time.Minute
		start := time.Now()
		client, server, done := idleStart(t, limit)
		for i := range 5 { // a byte each 59 seconds, now from here, now from there
			time.Sleep(limit - time.Second)
			from, to := client, server
			if i%2 == 1 {
				from, to = to, from
			}
			go from.Write([]byte{1}) // a failure shows in the read
			if _, err := io.ReadFull(to, make([]byte, 1)); err != nil {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
			t.Logf("%v: a byte", time.Since(start))
		}
		err := <-done
		t.Logf("%v: %v", time.Since(start), err)
		if got, want := time.Since(start), 5*(limit-time.Second)+limit; got != want {
			t.Errorf("ended after %v, want %v", got, want)
		}
		if !errors.Is(err, ch04.ErrIdle) {
			t.Errorf("Run = %v, want ErrIdle", err)
		}
		if _, err := client.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("client read %v, want a reset", err)
		}
	})
}

// A half-closed pair on which nothing moves is idle too: Proxy.Run asks whether the peer
// still exists by a Write of nothing, and that does not count.
func TestIdleConnHalfClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, _, done := idleStart(t, time.Minute)
		client.CloseWrite()
		if err := <-done; !errors.Is(err, ch04.ErrIdle) || time.Since(start) != time.Minute {
			t.Errorf("Run = %v after %v, want ErrIdle after 1m0s", err, time.Since(start))
		}
	})
}

// A limit shorter than ProxyGrace does not reset a peer whose stream has passed whole.
func TestIdleConnLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, done := idleStart(t, ch04.ProxyGrace/10)
		server.Close()
		io.WriteString(client, "begin") // fails to pass; here it cannot be seen
		time.AfterFunc(ch04.ProxyGrace/2, func() { client.Close() })
		if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Run = %v, want io.ErrClosedPipe", err)
		}
	})
}

// idleTCP passes a request and a response between TCP conns with a limit.
func idleTCP(t *testing.T, copyFunc func(dst, src net.Conn) error, size int) {
	t.Helper()
	client, c := conns.TCPPair(t)
	s, server := conns.TCPPair(t)
	timer := time.AfterFunc(time.Hour, func() { t.Error("the timer fired") })
	defer timer.Stop()
	done := make(chan error, 1)
	go func() {
		done <- ch04.Proxy{Copy: copyFunc}.Run(t.Context(),
			ch04.IdleConn{Conn: c, Timer: timer, Limit: time.Hour},
			ch04.IdleConn{Conn: s, Timer: timer, Limit: time.Hour})
	}()
	go func() {
		client.Write(make([]byte, size)) // a failure shows in the count
		client.CloseWrite()
	}()
	if n, err := io.Copy(io.Discard, server); n != int64(size) || err != nil {
		t.Errorf("server read %d bytes, %v, want %d", n, err, size)
	}
	server.Close()
	if n, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("client read %d bytes, %v, want io.EOF", n, err)
	}
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// The wrapper keeps half-closes, and package splice knows it.
func TestIdleConnTCP(t *testing.T) {
	var copier splice.Copier
	defer copier.Close()
	t.Run("plain", func(t *testing.T) { idleTCP(t, nil, 1<<20) })
	t.Run("splice", func(t *testing.T) { idleTCP(t, copier.Copy, 1<<20) })
}

// What the conn within cannot do, the wrapper cannot do either.
func TestIdleConnUnsupported(t *testing.T) {
	c, peer := net.Pipe()
	defer peer.Close()
	defer c.Close()
	idle := ch04.IdleConn{Conn: c, Timer: time.NewTimer(time.Hour), Limit: time.Hour}
	if err := idle.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CloseWrite = %v, want errors.ErrUnsupported", err)
	}
	if err := idle.SetLinger(0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetLinger = %v, want errors.ErrUnsupported", err)
	}
	if idle.NetConn() != c {
		t.Errorf("NetConn = %v, want the conn within", idle.NetConn())
	}
}

func ExampleIdleConn() {
	client, c := net.Pipe()
	s, server := net.Pipe()
	const limit = time.Millisecond
	ctx, cancel := context.WithCancelCause(context.Background())
	timer := time.AfterFunc(limit, func() { cancel(ch04.ErrIdle) })
	defer timer.Stop()
	err := ch04.Proxy{}.Run(ctx, ch04.IdleConn{Conn: c, Timer: timer, Limit: limit},
		ch04.IdleConn{Conn: s, Timer: timer, Limit: limit})
	fmt.Println(err)
	client.Close()
	server.Close()
	// Output: proxy: idle: nothing moved for too long
}
