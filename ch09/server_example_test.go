package ch09_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"network-programming-with-go/ch09"
)

// A main gives Run the context of signal.NotifyContext, and returns when Run does.
func ExampleRun() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello") // error: the client has gone away
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- ch09.Run(ctx, ch09.NewServer("", handler), l) }()

	resp, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	fmt.Println(resp.Status, string(body), err)

	stop() // as SIGTERM would
	fmt.Println("Run returns", <-done)
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 200 OK hello <nil>
	// Run returns <nil>
}
