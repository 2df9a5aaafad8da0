package ch03_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"network-programming-with-go/ch03"
	"network-programming-with-go/ch03/internal/conns"
	"network-programming-with-go/ch03/internal/leak"
)

// Three clients are served at the same time, then the server ends.
func TestServe(t *testing.T) {
	leak.Check(t)
	l := conns.Listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- ch03.Serve(ctx, l, func(_ context.Context, conn net.Conn) {
			io.Copy(conn, conn) // ends with the client or with ctx: both are fine
		})
	}()

	var clients []net.Conn
	for i := range 3 {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		clients = append(clients, client)
		fmt.Fprintf(client, "hello %d\n", i) // an error shows in the read
		got, err := bufio.NewReader(client).ReadString('\n')
		if want := fmt.Sprintf("hello %d\n", i); err != nil || got != want {
			t.Fatalf("echo = %q, %v; want %q", got, err, want)
		}
		t.Logf("%v sent and received %q", client.LocalAddr(), got)
	}

	cancel() // the handlers are blocked in Read now
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil after its context ended", err)
	}
	for _, client := range clients {
		if n, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("client's Read = %d, %v; want io.EOF: Serve closes its conns", n, err)
		}
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Serve = %v, want net.ErrClosed: Serve closes l", err)
	}
}

// However a handler ends, its conn is closed then, and the server goes on.
func TestServeClosesConn(t *testing.T) {
	for _, tt := range []struct {
		name   string
		handle func(context.Context, net.Conn)
	}{
		{"return", func(context.Context, net.Conn) {}},
		{"close", func(_ context.Context, conn net.Conn) { conn.Close() }},
		{"runtime.Goexit", func(context.Context, net.Conn) { runtime.Goexit() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leak.Check(t)
			l := conns.Listen(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			served := make(chan error, 1)
			go func() { served <- ch03.Serve(ctx, l, tt.handle) }()
			for range 2 {
				client, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				client.SetReadDeadline(time.Now().Add(time.Minute)) // cannot fail: it is open
				if n, err := client.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("client's Read = %d, %v; want io.EOF", n, err)
				}
			}
			cancel()
			if err := <-served; err != nil {
				t.Errorf("Serve = %v, want nil", err)
			}
		})
	}
}
