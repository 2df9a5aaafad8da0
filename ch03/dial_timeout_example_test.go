package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"network-programming-with-go/ch03"
)

func ExampleDialTimeout() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()

	conn, err := ch03.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Println("no response: the host is down, or a firewall drops packets")
	case errors.Is(err, syscall.ECONNREFUSED):
		fmt.Println("the host is up, but nothing listens on the port")
	case err != nil:
		fmt.Println(err)
	default:
		defer conn.Close()
		fmt.Println("connected to", conn.RemoteAddr().String() == l.Addr().String())
	}
	// Output: connected to true
}
