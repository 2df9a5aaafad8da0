package ch07_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"network-programming-with-go/ch07"
)

// A program waits for the end of its connection, which comes after the socket file is gone.
func ExampleStreamingEchoServer() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "echo.sock")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	addr, err := ch07.StreamingEchoServer(ctx, "unix", path)
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	for range 3 {
		fmt.Fprint(conn, "ping ")
	}
	reply := make([]byte, len("ping ")*3) // a stream: ask for bytes, not for messages
	_, err = io.ReadFull(conn, reply)
	fmt.Printf("%q %v\n", reply, err)

	cancel() // ends the server
	_, err = io.Copy(io.Discard, conn)
	fmt.Println("end:", err)
	_, err = os.Lstat(path)
	fmt.Println("file gone:", errors.Is(err, fs.ErrNotExist))
	// Output:
	// "ping ping ping " <nil>
	// end: <nil>
	// file gone: true
}

// A program without a connection calls ServeEcho and waits for it to return.
func ExampleServeEcho() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	l, err := ch07.ListenUnix("unix", filepath.Join(dir, "echo.sock"))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ch07.ServeEcho(ctx, l) }()

	cancel()            // or a signal, see signal.NotifyContext
	fmt.Println(<-done) // nothing is left now
	// Output: <nil>
}
