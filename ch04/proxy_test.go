package ch04_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
	"network-programming-with-go/ch04/splice"
)

// proxyStart runs a Proxy between two TCP connections and returns their outer ends. It is an
// error if Run leaves an inner one open.
func proxyStart(t *testing.T, p ch04.Proxy) (client, server *net.TCPConn, done chan error) {
	t.Helper()
	client, c := conns.TCPPair(t)
	s, server := conns.TCPPair(t)
	done = make(chan error, 1)
	go func() {
		err := p.Run(t.Context(), c, s)
		for _, conn := range []net.Conn{c, s} {
			if conn.SetDeadline(time.Now()) == nil {
				err = errors.Join(err, errors.New("Run has left a conn open"))
			}
		}
		done <- err
	}()
	return client, server, done
}

func TestProxy(t *testing.T) {
	leak.Check(t)
	client, server, done := proxyStart(t, ch04.Proxy{})
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
		t.Errorf("Run = %v, want nil", err)
	}
}

// The client ends its request by a half-close and must get the whole response, which is
// more than fits in all buffers.
func TestProxyHalfClose(t *testing.T) {
	var copier splice.Copier
	defer copier.Close()
	for _, tt := range []struct {
		name string
		p    ch04.Proxy
	}{
		{"plain", ch04.Proxy{}},
		{"splice", ch04.Proxy{Copy: copier.Copy}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, server, done := proxyStart(t, tt.p)
			request := bytes.Repeat([]byte("GET "), 320<<10)         // 1.25 MiB
			response := bytes.Repeat([]byte("all of it. "), 200<<10) // 2.1 MiB
			served := make(chan error, 1)
			go func() {
				defer server.Close()
				got, err := io.ReadAll(server) // returns when the half-close arrives
				if err == nil && !bytes.Equal(got, request) {
					err = fmt.Errorf("a request of %d bytes, want %d", len(got), len(request))
				}
				if err == nil {
					_, err = server.Write(response)
				}
				served <- err
			}()
			client.Write(request) // a failure shows in the response
			if err := client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(client)
			if err != nil || !bytes.Equal(got, response) {
				t.Errorf("response of %d bytes, %v, want %d", len(got), err, len(response))
			}
			if err := errors.Join(<-done, <-served); err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			t.Logf("request of %d bytes, half-close, response of %d bytes", len(request), len(got))
		})
	}
}

// Conns of net.Pipe have no half-close: the end of one is the end of both. Otherwise
// the server would wait forever, and its goroutine with it.
func TestProxyWithoutHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		go func() { // an echo server
			io.Copy(server, server)
			server.Close()
		}()
		done := make(chan error, 1)
		go func() { done <- ch04.Proxy{}.Run(t.Context(), c, s) }()
		io.WriteString(client, "ping") // a failure shows in the read
		buf := make([]byte, 4)
		if _, err := io.ReadFull(client, buf); err != nil || string(buf) != "ping" {
			t.Errorf("sent ping, got %q, %v", buf, err)
		}
		client.Close()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

// A request, its end, and the response, all through a Proxy.
func ExampleProxy_Run() {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	go func() { // serves one request
		c, err := server.Accept()
		if err != nil {
			return // the server is closed
		}
		defer c.Close()
		request, _ := io.ReadAll(c) // what came before an error gets a response too
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
		ch04.Proxy{}.Run(context.Background(), client, upstream) // the client sees a failure
	}()

	c, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	io.WriteString(c, "all of it") // a failure shows in the response
	c.(*net.TCPConn).CloseWrite()  // the request is complete
	response, err := io.ReadAll(c)
	fmt.Printf("%s %v\n", response, err)
	// Output: ALL OF IT <nil>
}
