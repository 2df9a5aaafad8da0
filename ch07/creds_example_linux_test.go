//go:build !386

package ch07_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"

	"network-programming-with-go/ch07"
	"network-programming-with-go/ch07/sockfile"
)

func ExampleAllowed() {
	dir, err := os.MkdirTemp("", "creds")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	l, err := sockfile.Listen("unix", filepath.Join(dir, "s.sock"), 0o666)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	for _, name := range []string{fmt.Sprint(os.Getegid()), "4000000000"} {
		groups, err := ch07.ParseGroupNames(name) // once, at start
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(ch07.Allowed(conn.(*net.UnixConn), groups))
	}
	// Output:
	// true <nil>
	// false <nil>
}
