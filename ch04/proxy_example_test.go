package ch04_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
)

// proxyDrawn draws what the Proxy reads from a conn and writes to it.
type proxyDrawn struct {
	*conns.Memory
	draw    func(lanes string)
	in, out string // lanes with an arrow, from the peer and to it
}

func (c proxyDrawn) Read(p []byte) (n int, err error) {
	n, err = c.Memory.Read(p)
	if n > 0 {
		c.draw(fmt.Sprintf(c.in, p[:n]))
	} else if err == io.EOF {
		c.draw(fmt.Sprintf(c.in, "FIN"))
	}
	return n, err
}

func (c proxyDrawn) Write(p []byte) (int, error) {
	if len(p) > 0 { // a Write of nothing asks whether the peer still exists
		c.draw(fmt.Sprintf(c.out, p))
	}
	return c.Memory.Write(p)
}

func (c proxyDrawn) CloseWrite() error {
	c.draw(fmt.Sprintf(c.out, "FIN"))
	return c.Memory.CloseWrite()
}

// Both directions run at the same time. The client ends its own by a half-close; the Proxy
// passes it on, and the other direction goes on until the server ends it. The clock is that
// of a bubble, which needs a testing.T; an example has none and makes one.
func ExampleProxy_halfClose() {
	synctest.Test(new(testing.T), func(*testing.T) {
		client, c := conns.MemoryPair()
		s, server := conns.MemoryPair()
		start := time.Now()
		at := func(seconds time.Duration, do func()) { time.AfterFunc(seconds*time.Second, do) }
		at(1, func() { io.WriteString(client, "request") }) // an error shows in the drawing
		at(2, func() { io.WriteString(server, "wait") })
		at(3, func() { io.WriteString(client, "more") })
		at(4, func() { client.CloseWrite() })
		at(5, func() { io.WriteString(server, "response") })
		at(6, func() { server.Close() })
		go io.Copy(io.Discard, client)
		go io.Copy(io.Discard, server)

		fmt.Println("time  client             proxy             server")
		draw := func(lanes string) { fmt.Printf("%3v   %s\n", time.Since(start), lanes) }
		err := ch04.Proxy{}.Run(context.Background(),
			proxyDrawn{c, draw, "| --- %-8s --> |                  |", "| <-- %-8s --- |                  |"},
			proxyDrawn{s, draw, "|                  | <-- %-8s --- |", "|                  | --- %-8s --> |"})
		fmt.Println("Run returns", err)
	})
	// Output:
	// time  client             proxy             server
	//  1s   | --- request  --> |                  |
	//  1s   |                  | --- request  --> |
	//  2s   |                  | <-- wait     --- |
	//  2s   | <-- wait     --- |                  |
	//  3s   | --- more     --> |                  |
	//  3s   |                  | --- more     --> |
	//  4s   | --- FIN      --> |                  |
	//  4s   |                  | --- FIN      --> |
	//  5s   |                  | <-- response --- |
	//  5s   | <-- response --- |                  |
	//  6s   |                  | <-- FIN      --- |
	//  6s   | <-- FIN      --- |                  |
	// Run returns <nil>
}
