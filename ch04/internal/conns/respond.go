package conns

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Copy with: tcp.go.

// Responder starts a server that responds when it has read all, with "you said: " and what
// it read. It sends a value for each conn that it accepts.
func Responder(t testing.TB) (addr string, accepted chan struct{}) {
	t.Helper()
	l := Listen(t)
	accepted = make(chan struct{}, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			select {
			case accepted <- struct{}{}:
			default: // nobody counts them any more
			}
			wg.Go(func() {
				defer conn.Close()
				if request, err := io.ReadAll(conn); err == nil {
					conn.Write(append([]byte("you said: "), request...)) // the test reads it
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String(), accepted
}

// Ask sends a request, half-closes, and returns the whole response.
func Ask(addr, request string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure
	io.WriteString(conn, request)                      // a failure shows in the response
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	response, err := io.ReadAll(conn)
	return string(response), err
}
