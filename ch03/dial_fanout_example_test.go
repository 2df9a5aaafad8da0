package ch03_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"network-programming-with-go/ch03"
)

// Of two mirrors one is down.
func ExampleDialFirst() {
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer up.Close()
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	down.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := ch03.DialFirst(ctx, nil, "tcp", down.Addr().String(), up.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Println(conn.RemoteAddr().String() == up.Addr().String())
	// Output: true
}
