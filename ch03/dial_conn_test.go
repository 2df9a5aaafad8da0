package ch03_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A function that takes a net.Conn works over every kind of stream and is tested without
// a network. Ask for a *net.TCPConn only for what a net.Conn cannot do.
func TestNetConnIsEnough(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6", "unix", "net.Pipe"} {
		t.Run(network, func(t *testing.T) {
			client, server := dialConnPair(t, network)
			var peers sync.WaitGroup
			defer peers.Wait()
			peers.Go(func() { dialConnServe(server) })
			got, err := dialConnAsk(client, "hello")
			if err != nil || got != `"hello" has 5 bytes` {
				t.Errorf("response = %q, %v", got, err)
			}
			t.Logf("%T to %v: %s", client, client.RemoteAddr(), got)
		})
	}
}

// dialConnAsk sends a request of 5 bytes and returns the response.
func dialConnAsk(conn net.Conn, request string) (string, error) {
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	response, err := io.ReadAll(conn)
	return string(response), err
}

func dialConnServe(conn net.Conn) {
	defer conn.Close()
	request := make([]byte, 5)
	if _, err := io.ReadFull(conn, request); err != nil {
		return // shows in the response
	}
	fmt.Fprintf(conn, "%q has %d bytes", request, len(request)) // an error shows there too
}

func dialConnPair(t *testing.T, network string) (client, server net.Conn) {
	t.Helper()
	if network == "net.Pipe" {
		client, server = net.Pipe()
	} else {
		address := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network]
		if network == "unix" {
			dir, err := os.MkdirTemp("", "") // a short path: sockets allow 104 bytes
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			address = filepath.Join(dir, "s")
		}
		l, err := net.Listen(network, address)
		if err != nil {
			t.Skipf("no %s here: %v", network, err)
		}
		defer l.Close()
		if client, err = net.Dial(network, l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			client.Close()
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
