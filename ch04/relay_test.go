package ch04_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
)

// relayPair returns the two ends of a TCP connection, closed after the test.
func relayPair(t testing.TB) (*net.TCPConn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// relayKinds are the ways to relay. All have to behave the same.
var relayKinds = map[string]ch04.Relay{
	"buffers":             {},
	"buffers, idle limit": {IdleTimeout: time.Hour},
	"splice":              {Splice: true},
	"splice, idle limit":  {IdleTimeout: time.Minute, Splice: true},
}

// relayStart runs a Relay between two connections and returns their outer ends. The
// test fails if a goroutine outlives Run.
func relayStart(t *testing.T, r ch04.Relay) (client, server *net.TCPConn, done chan error) {
	t.Helper()
	before := runtime.NumGoroutine()
	client, c := relayPair(t)
	s, server := relayPair(t)
	done = make(chan error, 1)
	finished := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(finished)
		done <- r.Run(ctx, c, s)
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			if time.Now().After(end) {
				stacks := make([]byte, 64<<10)
				t.Fatalf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
			}
			runtime.Gosched()
		}
	})
	return client, server, done
}

// Small messages, then more than a MiB, which is full flow, a half-close, and the answer.
func TestRelay(t *testing.T) {
	for name, r := range relayKinds {
		t.Run(name, func(t *testing.T) {
			client, server, done := relayStart(t, r)
			for i := range 10 {
				out, in := []byte(fmt.Sprint("message ", i)), make([]byte, 9)
				if _, err := client.Write(out); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(server, in); err != nil || !bytes.Equal(in, out) {
					t.Fatalf("sent %q, got %q, %v", out, in, err)
				}
			}
			up := bytes.Repeat([]byte("abcdefgh"), 160<<10)    // 1.25 MiB
			down := bytes.Repeat([]byte("0123456789"), 20<<10) // 200 KiB
			var wg sync.WaitGroup
			send := func(c *net.TCPConn, p []byte) {
				if _, err := c.Write(p); err != nil {
					t.Error(err)
				}
				c.CloseWrite()
			}
			wg.Go(func() { send(client, up) })
			receive := func(who string, c *net.TCPConn, want []byte) {
				got := make([]byte, len(want)+1) // room for one byte too many
				n, err := io.ReadFull(c, got)
				if err != io.ErrUnexpectedEOF || !bytes.Equal(got[:n], want) {
					t.Errorf("%s got %d bytes, %v, want %d", who, n, err, len(want))
				}
			}
			wg.Go(func() {
				receive("server", server, up)
				send(server, down) // the client has half-closed already
			})
			receive("client", client, down)
			wg.Wait()
			if err := <-done; err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
		})
	}
}

// A cut stream is cut for its receiver too. The receiver has sent all it had, so that
// nothing else is left to wait for.
func TestRelayReset(t *testing.T) {
	for name, r := range relayKinds {
		for _, from := range []string{"client", "server"} {
			sender, receiver, done := relayStart(t, r)
			if from == "server" {
				sender, receiver = receiver, sender
			}
			receiver.CloseWrite() // a failure shows in the read
			if n, err := sender.Read(make([]byte, 1)); err != io.EOF {
				t.Fatalf("%s: the %s read %d, %v, want io.EOF", name, from, n, err)
			}
			sender.SetLinger(0)
			sender.Close()
			if err := <-done; err == nil {
				t.Errorf("%s: the %s reset, Run = nil, want an error", name, from)
			}
			if _, err := receiver.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("%s: the %s reset, its peer read %v", name, from, err)
			}
		}
	}
}

// The timeout counts from the last byte in either direction, and a conn on which
// something moves is never idle.
func TestRelayIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		const idle = time.Minute
		start := time.Now()
		done := make(chan error, 1)
		go func() { done <- ch04.Relay{IdleTimeout: idle}.Run(t.Context(), c, s) }()
		for i := range 5 { // a byte each 59 seconds, now from here, now from there
			time.Sleep(idle - time.Second)
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
		if got, want := time.Since(start), 5*(idle-time.Second)+idle; got != want {
			t.Errorf("ended after %v, want %v", got, want)
		}
		if !errors.Is(err, ch04.ErrIdle) {
			t.Errorf("Run = %v, want ErrIdle", err)
		}
	})
}

// A write deadline of the caller's is an error like any other: not the end of a slice,
// after which the bytes that were not written would be missing and nobody told.
func TestRelaySpliceWriteDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		defer server.Close()
		const idle = time.Minute
		s.SetWriteDeadline(time.Now().Add(idle / 2)) // after the end of the first slice
		go func() {
			client.Write([]byte("hello")) // nobody reads it
			client.Close()
		}()
		err := ch04.Relay{IdleTimeout: idle, Splice: true}.Run(t.Context(), c, s)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Run = %v, want os.ErrDeadlineExceeded", err)
		}
	})
	// Between sockets it is the kernel that copies, and finds no room.
	client, c := relayPair(t)
	s, server := relayPair(t)
	s.SetWriteBuffer(16 << 10)
	server.SetReadBuffer(16 << 10)
	for n := 1; n > 0; { // until all is full
		s.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		n, _ = s.Write(make([]byte, 64<<10))
	}
	go func() {
		io.WriteString(client, "hello") // a failure shows
		client.CloseWrite()             // in the end of Run
	}()
	server.CloseWrite()
	s.SetWriteDeadline(time.Now().Add(30 * time.Millisecond))
	err := ch04.Relay{IdleTimeout: 40 * time.Millisecond, Splice: true}.Run(t.Context(), c, s)
	if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, ch04.ErrIdle) {
		t.Errorf("Run = %v, want os.ErrDeadlineExceeded or, on a slow machine, ErrIdle", err)
	}
}

// With splice the time is exact to a quarter.
func TestRelaySpliceIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		const idle = time.Minute
		done := make(chan error, 1)
		go func() {
			done <- ch04.Relay{IdleTimeout: idle, Splice: true}.Run(t.Context(), c, s)
		}()
		var last time.Time
		for range 5 {
			time.Sleep(idle * 2 / 3)
			go client.Write([]byte{1}) // a failure shows in the read
			if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			last = time.Now()
		}
		if err := <-done; !errors.Is(err, ch04.ErrIdle) {
			t.Errorf("Run = %v, want ErrIdle", err)
		}
		if got := time.Since(last); got < idle || got > idle*5/4 {
			t.Errorf("ended %v after the last byte, want %v to %v", got, idle, idle*5/4)
		}
	})
}

func TestRelayContext(t *testing.T) {
	for name, r := range relayKinds {
		client, c := relayPair(t)
		s, server := relayPair(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Run(ctx, c, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Run = %v, want context.Canceled", name, err)
		}
		for _, c := range []net.Conn{client, server} {
			if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("%s: read after the end of ctx: %v, want a reset", name, err)
			}
		}
	}
}

// relayShort is a conn with a faulty Write: it takes half and reports no error.
type relayShort struct{ net.Conn }

func (c relayShort) Write(p []byte) (int, error) { return c.Conn.Write(p[:len(p)/2]) }

// A byte that is lost must not go unnoticed.
func TestRelayShortWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		go io.Copy(io.Discard, server)
		go client.Write([]byte("hello")) // a failure shows in what Run returns
		err := ch04.Relay{}.Run(t.Context(), c, relayShort{s})
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("Run = %v, want io.ErrShortWrite", err)
		}
		server.Close()
	})
}

func ExampleRelay() {
	client, c := net.Pipe()
	s, server := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- ch04.Relay{IdleTimeout: time.Minute}.Run(context.Background(), c, s)
	}()
	go fmt.Fprint(client, "hello") // a failure shows in the read
	buf := make([]byte, 5)
	_, err := io.ReadFull(server, buf)
	fmt.Printf("%s, %v\n", buf, err)
	client.Close()
	server.Close()
	fmt.Println(<-done)
	// Output:
	// hello, <nil>
	// <nil>
}
