package idle_test

import (
	"io"
	"net"
	"testing"
	"time"

	"network-programming-with-go/ch03/idle"
	"network-programming-with-go/ch03/internal/conns"
)

// What the conn that Timeout returns can do besides net.Conn.
func TestTimeoutInterfaces(t *testing.T) {
	local, remote := conns.TCPPair(t)
	conn := idle.Timeout(local, time.Minute)

	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("a limited *net.TCPConn has no CloseWrite")
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := remote.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer's Read after CloseWrite = %d, %v; want io.EOF", n, err)
	}
	go io.WriteString(remote, "x") // an error shows in the read
	if n, err := conn.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read after CloseWrite = %d, %v; want 1, nil", n, err)
	}
	if _, ok := conn.(io.ReaderFrom); ok {
		t.Error("a ReadFrom would bypass the limit")
	}

	pipe, peer := net.Pipe()
	defer pipe.Close()
	defer peer.Close()
	if _, ok := idle.Timeout(pipe, time.Minute).(interface{ CloseWrite() error }); ok {
		t.Error("a limited net.Pipe has a CloseWrite")
	}
	for _, d := range []time.Duration{0, -1, 1} {
		if got := idle.Timeout(pipe, d) == pipe; got != (d <= 0) {
			t.Errorf("Timeout(conn, %v) is conn itself: %v", d, got)
		}
	}
}

// The limit sets one deadline when a call begins, and two when it has moved bytes.
func BenchmarkTimeout(b *testing.B) {
	for _, way := range []struct {
		name string
		idle time.Duration
	}{{"Bare", 0}, {"Limited", time.Minute}} {
		b.Run(way.name, func(b *testing.B) {
			local, remote := conns.TCPPair(b)
			conn := idle.Timeout(local, way.idle)
			echoed := make(chan struct{})
			go func() {
				defer close(echoed)
				io.Copy(remote, remote) // ends with local
			}()
			p := make([]byte, 1<<10) // 1 KiB
			b.ReportAllocs()
			b.SetBytes(int64(2 * len(p))) // there and back
			for b.Loop() {
				if _, err := conn.Write(p); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, p); err != nil {
					b.Fatal(err)
				}
			}
			conn.Close()
			<-echoed
		})
	}
}
