package ch07_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"network-programming-with-go/ch07"
)

func ExampleStreamingEchoServer() {
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // ends the server
	addr, err := ch07.StreamingEchoServer(ctx, "unix", filepath.Join(dir, "echo.sock"))
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
	answer := make([]byte, len("ping ")*3) // a stream: ask for bytes, not for messages
	_, err = io.ReadFull(conn, answer)
	fmt.Printf("%q %v\n", answer, err)
	// Output: "ping ping ping " <nil>
}
