package ch03_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"testing"

	"network-programming-with-go/ch03"
)

// A panic is not swallowed: this test runs itself in a process that must end with it.
func TestServeHandlerPanics(t *testing.T) {
	handle := func(context.Context, net.Conn) { panic("half done") }
	if os.Getenv("CH03_SERVE_PANICS") == "1" {
		err := servePanicOne(t, handle)
		t.Fatalf("Serve = %v, want a panic", err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServeHandlerPanics$")
	cmd.Env = append(os.Environ(), "CH03_SERVE_PANICS=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("panic: half done")) {
		t.Errorf("the process ended with %v, want a panic:\n%s", err, out)
	}

	var caught any
	err = servePanicOne(t, func(ctx context.Context, conn net.Conn) { // to keep serving
		defer func() { caught = recover() }()
		handle(ctx, conn)
	})
	if err != nil || caught != "half done" {
		t.Errorf("Serve = %v, recovered %v; want nil and the panic", err, caught)
	}
}

// servePanicOne serves one client until the server has closed the connection.
func servePanicOne(t *testing.T, handle func(context.Context, net.Conn)) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		client.Read(make([]byte, 1)) // until the server has closed it
		cancel()
	}()
	return ch03.Serve(ctx, l, handle)
}
