package ch05_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"network-programming-with-go/ch05"
)

func ExampleEchoServerUDP() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // ends the server
	addr, err := ch05.EchoServerUDP(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}

	client, err := net.Dial("udp", addr.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	if err := client.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // UDP may drop
		fmt.Println(err)
		return
	}
	if _, err := client.Write([]byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	reply := make([]byte, 1024)
	n, err := client.Read(reply)
	fmt.Printf("%s %v\n", reply[:n], err)
	// Output: hello <nil>
}
