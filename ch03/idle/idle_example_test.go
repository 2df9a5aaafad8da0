package idle_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03/idle"
)

// A synctest bubble has a fake clock. It needs a testing.T, and an example has none, so
// this one makes its own.
func ExampleTimeout() {
	synctest.Test(new(testing.T), func(*testing.T) {
		local, peer := net.Pipe()
		defer peer.Close()
		go func() {
			for range 3 {
				time.Sleep(8 * time.Second)
				io.WriteString(peer, "still here ") // an error shows in what is read
			}
		}()

		conn := idle.Timeout(local, 10*time.Second)
		defer conn.Close()
		start := time.Now()
		got, err := io.ReadAll(conn)
		fmt.Printf("%q, after %v: %v\n", got, time.Since(start), err)
	})
	// Output: "still here still here still here ", after 34s: read pipe: i/o timeout
}
