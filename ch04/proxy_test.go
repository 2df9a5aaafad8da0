package ch04_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
)

// proxyGoroutines fails the test if it leaves a goroutine behind.
func proxyGoroutines(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			if time.Now().After(end) {
				stacks := make([]byte, 64<<10)
				t.Fatalf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
			}
			runtime.Gosched()
		}
	})
}

// proxyPair returns the two ends of a TCP connection, closed after the test.
func proxyPair(t testing.TB) (*net.TCPConn, *net.TCPConn) {
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

// proxyStart runs Proxy between two connections and returns their outer ends.
func proxyStart(t testing.TB, ctx context.Context) (
	client, server *net.TCPConn, done chan error,
) {
	t.Helper()
	client, c := proxyPair(t)
	s, server := proxyPair(t)
	done = make(chan error, 1)
	go func() { done <- ch04.Proxy(ctx, c, s) }()
	return client, server, done
}

func TestProxy(t *testing.T) {
	proxyGoroutines(t)
	client, server, done := proxyStart(t, t.Context())
	echoed := make(chan error, 1)
	go func() {
		_, err := io.Copy(server, server)
		server.Close()
		echoed <- err
	}()
	for _, msg := range []string{"ping", "pong", "echo"} {
		if _, err := io.WriteString(client, msg); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, len(msg))
		if _, err := io.ReadFull(client, buf); err != nil || string(buf) != msg {
			t.Fatalf("sent %q, got %q, %v", msg, buf, err)
		}
		t.Logf("%q -> proxy -> %q", msg, buf)
	}
	client.Close()
	if err := errors.Join(<-done, <-echoed); err != nil {
		t.Errorf("Proxy = %v, want nil", err)
	}
}

// The client ends its request by a half-close and must get the whole answer.
func TestProxyHalfClose(t *testing.T) {
	proxyGoroutines(t)
	client, server, done := proxyStart(t, t.Context())
	answer := bytes.Repeat([]byte("all of it. "), 1<<16) // 704 KiB
	served := make(chan error, 1)
	go func() {
		defer server.Close()
		request, err := io.ReadAll(server) // returns when the half-close arrives
		if err == nil && string(request) != "GET" {
			err = fmt.Errorf("request %q", request)
		}
		if err == nil {
			_, err = server.Write(answer)
		}
		served <- err
	}()
	io.WriteString(client, "GET") // a failure shows in the answer
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, answer) {
		t.Errorf("answer of %d bytes, %v, want %d", len(got), err, len(answer))
	}
	if err := errors.Join(<-done, <-served); err != nil {
		t.Error(err)
	}
}

// Conns of net.Pipe have no half-close: the end of one is the end of both. Without
// that the server would wait for ever, and its goroutine with it.
func TestProxyWithoutHalfClose(t *testing.T) {
	for name, r := range map[string]func(context.Context, net.Conn, net.Conn) error{
		"Proxy":             ch04.Proxy,
		"Relay":             ch04.Relay{}.Run,
		"Relay with Splice": ch04.Relay{Splice: true}.Run,
	} {
		synctest.Test(t, func(t *testing.T) {
			client, c := net.Pipe()
			s, server := net.Pipe()
			go func() { // an echo server
				io.Copy(server, server)
				server.Close()
			}()
			done := make(chan error, 1)
			go func() { done <- r(t.Context(), c, s) }()
			io.WriteString(client, "ping") // a failure shows in the read
			buf := make([]byte, 4)
			if _, err := io.ReadFull(client, buf); err != nil || string(buf) != "ping" {
				t.Errorf("%s: sent ping, got %q, %v", name, buf, err)
			}
			client.Close()
			if err := <-done; err != nil {
				t.Errorf("%s = %v, want nil", name, err)
			}
		})
	}
}

// ProxyConn connects both sides itself. A side that cannot be reached is named.
func TestProxyConn(t *testing.T) {
	proxyGoroutines(t)
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	source, destination := listen(), listen()
	busy := listen()
	held, err := net.Dial("tcp", busy.Addr().String()) // has a port on which nobody can listen
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	gone := held.LocalAddr().String()
	addr := func(l net.Listener) string { return l.Addr().String() }

	done := make(chan error, 1)
	go func() { done <- ch04.ProxyConn(t.Context(), addr(source), addr(destination)) }()
	var ends [2]net.Conn
	for i, l := range []net.Listener{source, destination} {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ends[i] = c
	}
	for i, c := range ends {
		msg := fmt.Sprint("hello from ", i)
		io.WriteString(c, msg)        // a failure shows in what is read
		c.(*net.TCPConn).CloseWrite() // likewise
		got, err := io.ReadAll(ends[1-i])
		if err != nil || string(got) != msg {
			t.Errorf("sent %q, got %q, %v", msg, got, err)
		}
	}
	if err := <-done; err != nil {
		t.Errorf("ProxyConn = %v, want nil", err)
	}

	for _, tc := range []struct{ source, destination, want string }{
		{gone, addr(destination), "source"},
		{addr(source), gone, "destination"},
	} {
		err := ch04.ProxyConn(t.Context(), tc.source, tc.destination)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("ProxyConn = %v, want an error that names the %s", err, tc.want)
		}
		if runtime.GOOS != "windows" && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("ProxyConn = %v, want ECONNREFUSED", err)
		}
		t.Log(err)
	}
}

// A request, its end, and the answer, all through a Proxy.
func ExampleProxy() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	go func() { // answers one request
		c, err := server.Accept()
		if err != nil {
			return // the server is closed
		}
		defer c.Close()
		request, _ := io.ReadAll(c) // what came before an error is answered too
		io.WriteString(c, strings.ToUpper(string(request)))
	}()

	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer front.Close()
	go func() { // the proxy: one connection, for the example
		client, err := front.Accept()
		if err != nil {
			return // front is closed
		}
		upstream, err := net.Dial("tcp", server.Addr().String())
		if err != nil {
			client.Close()
			return
		}
		ch04.Proxy(context.Background(), client, upstream) // the client sees a failure
	}()

	c, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	io.WriteString(c, "all of it") // a failure shows in the answer
	c.(*net.TCPConn).CloseWrite()  // the request is complete
	answer, err := io.ReadAll(c)
	fmt.Printf("%s %v\n", answer, err)
	// Output: ALL OF IT <nil>
}
