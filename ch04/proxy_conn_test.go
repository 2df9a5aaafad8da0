package ch04_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
)

// ProxyConn connects both sides itself. A side that cannot be reached is named.
func TestProxyConn(t *testing.T) {
	leak.Check(t)
	source, destination := conns.Listen(t), conns.Listen(t)
	gone := conns.Refused(t)
	addr := func(l net.Listener) string { return l.Addr().String() }

	done := make(chan error, 1)
	go func() { done <- ch04.ProxyConn(t.Context(), addr(source), addr(destination)) }()
	var ends [2]net.Conn
	for i, l := range []*net.TCPListener{source, destination} {
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
		c.(*net.TCPConn).CloseWrite() // a failure here, too
		got, err := io.ReadAll(ends[1-i])
		if err != nil || string(got) != msg {
			t.Errorf("sent %q, got %q, %v", msg, got, err)
		}
	}
	if err := <-done; err != nil {
		t.Errorf("ProxyConn = %v, want nil", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- ch04.ProxyConn(ctx, addr(source), addr(destination)) }()
	c, err := destination.Accept() // made after the other one
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ProxyConn after the end of ctx = %v, want context.Canceled", err)
	}

	for _, tt := range []struct{ source, destination, want string }{
		{gone, addr(destination), "source"},
		{addr(source), gone, "destination"},
	} {
		err := ch04.ProxyConn(t.Context(), tt.source, tt.destination)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ProxyConn = %v, want an error that names the %s", err, tt.want)
		}
		if runtime.GOOS != "windows" && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("ProxyConn = %v, want ECONNREFUSED", err)
		}
		t.Log(err)
	}
	for range 2 { // the source's ends of the canceled run, and of the one without destination
		c, err := source.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read at the source = %v, want the end: ProxyConn closes what it has made", err)
		}
	}
}
