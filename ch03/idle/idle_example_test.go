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

// The clock is that of a bubble: an example has no testing.T, but to make a bubble a new
// one will do.
func ExampleTimeout() {
	synctest.Test(new(testing.T), func(*testing.T) {
		local, peer := net.Pipe()
		defer peer.Close()
		go func() {
			for range 3 {
				time.Sleep(8 * time.Second)
				io.WriteString(peer, "still here ") // a failure shows in what is read
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
