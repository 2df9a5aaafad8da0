package ch03_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

// An io.Pipe plays the connection. A synctest bubble has a fake clock. It needs a
// testing.T, and an example has none, so this one makes its own.
func ExamplePinger() {
	synctest.Test(new(testing.T), func(*testing.T) {
		start := time.Now()
		log := func(what string) { fmt.Printf("%4v  %s\n", time.Since(start), what) }

		ctx, cancel := context.WithCancel(context.Background())
		r, w := io.Pipe()
		reset := make(chan time.Duration, 1)
		reset <- 10 * time.Second // the first interval
		go func() {
			ch03.Pinger(ctx, w, reset)
			log("Pinger has returned")
			w.Close() // the reader below gets io.EOF
		}()
		go func() {
			time.Sleep(25 * time.Second)
			log("reset: start again")
			reset <- 0
			time.Sleep(15 * time.Second)
			log("reset: every 4 seconds")
			reset <- 4 * time.Second
			time.Sleep(9 * time.Second)
			log("cancel")
			cancel()
		}()

		buf := make([]byte, 64)
		for {
			n, err := r.Read(buf)
			if err != nil {
				log(err.Error())
				return
			}
			log(string(buf[:n]))
		}
	})
	// Output:
	//  10s  ping
	//  20s  ping
	//  25s  reset: start again
	//  35s  ping
	//  40s  reset: every 4 seconds
	//  44s  ping
	//  48s  ping
	//  49s  cancel
	//  49s  Pinger has returned
	//  49s  EOF
}
