package ch03_test

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// Connect, exchange, end: the client sends a request and half-closes, the server responds
// and closes.
func Example_dial() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	var server sync.WaitGroup
	server.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return // l was closed: the client prints why
		}
		defer conn.Close()
		request, err := io.ReadAll(conn)
		if err != nil {
			return // the client was reset
		}
		fmt.Fprintf(conn, "%q has %d bytes", request, len(request)) // an error shows as EOF
	})

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		fmt.Println(err)
		return
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil { // the end of the request
		fmt.Println(err)
		return
	}
	response, err := io.ReadAll(conn)
	fmt.Println(string(response), err)
	server.Wait()
	// Output: "hello" has 5 bytes <nil>
}
