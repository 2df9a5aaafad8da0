package ch03_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

// A client pings every 10 s, and the server moves its deadline 25 s ahead with each read.
// A message takes the place of a ping. When the client dies the deadline stays, and passes.
// The clock is that of a bubble, which needs a testing.T; an example has none and makes one.
func ExamplePinger_deadline() {
	synctest.Test(new(testing.T), func(*testing.T) {
		const interval, limit = 10 * time.Second, 25 * time.Second
		start := time.Now()
		draw := func(lanes string, args ...any) {
			fmt.Printf("%4v  %s\n", time.Since(start), fmt.Sprintf(lanes, args...))
		}
		client, server := net.Pipe()
		defer client.Close()
		ctx, die := context.WithCancel(context.Background())
		reset := make(chan time.Duration, 1)
		reset <- interval
		go ch03.Pinger(ctx, client, reset)
		go func() {
			time.Sleep(25 * time.Second)
			io.WriteString(client, "hello") // an error shows in what is drawn
			reset <- 0                      // the next ping is 10 s from now
			time.Sleep(12 * time.Second)
			die() // without a FIN: the server can only wait
			draw("dies             |")
		}()

		fmt.Println("time  client      server  its deadline")
		arrival := "|                |" // then those of the messages
		for buf := make([]byte, 64); ; {
			deadline := time.Now().Add(limit)
			server.SetReadDeadline(deadline) // cannot fail: server is open
			draw("%s  %v", arrival, deadline.Sub(start))
			n, err := server.Read(buf)
			if err != nil {
				draw("%18s  %v", "|", err)
				return
			}
			arrival = fmt.Sprintf("| --- %-5s ---> |", buf[:n])
		}
	})
	// Output:
	// time  client      server  its deadline
	//   0s  |                |  25s
	//  10s  | --- ping  ---> |  35s
	//  20s  | --- ping  ---> |  45s
	//  25s  | --- hello ---> |  50s
	//  35s  | --- ping  ---> |  1m0s
	//  37s  dies             |
	// 1m0s                   |  read pipe: i/o timeout
}
