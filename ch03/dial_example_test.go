package ch03_test

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// Connect, exchange, end: the client asks and says that it has finished, the server
// answers and hangs up.
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
			return // l was closed: the client says why
		}
		defer conn.Close()
		question, err := io.ReadAll(conn)
		if err != nil {
			return // the client is gone, and so is its question
		}
		fmt.Fprintf(conn, "%q has %d bytes", question, len(question)) // EOF if it fails
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
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil { // the end of the question
		fmt.Println(err)
		return
	}
	answer, err := io.ReadAll(conn)
	fmt.Println(string(answer), err)
	server.Wait()
	// Output: "hello" has 5 bytes <nil>
}
