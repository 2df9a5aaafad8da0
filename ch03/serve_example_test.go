package ch03_test

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"network-programming-with-go/ch03"
)

// A server that responds to each line until its context ends.
func ExampleServe() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- ch03.Serve(ctx, l, func(ctx context.Context, conn net.Conn) {
			lines := bufio.NewScanner(conn)
			for ctx.Err() == nil && lines.Scan() {
				fmt.Fprintf(conn, "you said %q\n", lines.Text()) // an error ends Scan
			}
		})
	}()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Fprintln(conn, "hello") // an error shows in the read
	response, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(response, err, "\n")
	cancel() // ends the handler's wait for our next line
	fmt.Println(<-served)
	// Output:
	// you said "hello"
	// <nil>
	// <nil>
}
