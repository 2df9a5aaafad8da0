package ch04_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
	"network-programming-with-go/ch04/internal/leak"
	"network-programming-with-go/ch04/splice"
)

// proxyLinuxWrapped hides a *net.TCPConn, but not its half-close.
type proxyLinuxWrapped struct{ net.Conn }

func (c proxyLinuxWrapped) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// proxyLinuxIOCopy is what the book's proxy does.
func proxyLinuxIOCopy(dst, src net.Conn) error {
	_, err := io.Copy(dst, src)
	return err
}

// proxyLinuxRead returns the bytes that this process has read by read(2) and the
// like, which splice(2) is not: see proc_pid_io(5).
func proxyLinuxRead(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip("no I/O accounting here:", err)
	}
	if _, err := fmt.Fscanf(bytes.NewReader(text), "rchar: %d", &n); err != nil {
		t.Fatalf("/proc/self/io: %v in %q", err, text)
	}
	return n
}

// With io.Copy or package splice the bytes stay in the kernel, and the receiver's reads are
// all there are, unless a wrapper hides the *net.TCPConn. Package splice reads what is
// small, and so the first bytes of a transfer.
func TestProxySplices(t *testing.T) {
	leak.Check(t)
	var copier splice.Copier
	defer copier.Close()
	bare := func(c net.Conn) net.Conn { return c }
	const size = 2 << 20
	for _, tt := range []struct {
		name   string
		p      ch04.Proxy
		wrap   func(net.Conn) net.Conn
		copies int64 // how often each byte is read in this process
	}{
		{"plain", ch04.Proxy{}, bare, 2},
		{"io.Copy", ch04.Proxy{Copy: proxyLinuxIOCopy}, bare, 1},
		{"io.Copy, wrapped conns", ch04.Proxy{Copy: proxyLinuxIOCopy},
			func(c net.Conn) net.Conn { return proxyLinuxWrapped{c} }, 2},
		{"splice", ch04.Proxy{Copy: copier.Copy}, bare, 1},
		{"splice, idle limit", ch04.Proxy{Copy: copier.Copy}, func(c net.Conn) net.Conn {
			return ch04.IdleConn{Conn: c, Timer: time.NewTimer(time.Hour), Limit: time.Hour}
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, c := conns.TCPPair(t)
			s, server := conns.TCPPair(t)
			before := proxyLinuxRead(t)
			done := make(chan error, 1)
			go func() { done <- tt.p.Run(t.Context(), tt.wrap(c), tt.wrap(s)) }()
			go func() {
				client.Write(make([]byte, size)) // a failure shows in the count
				client.Close()
			}()
			if n, err := io.Copy(struct{ io.Writer }{io.Discard}, server); n != size || err != nil {
				t.Errorf("server read %d bytes, %v, want %d", n, err, size)
			}
			server.Close()
			if err := <-done; err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
			got := proxyLinuxRead(t) - before
			t.Logf("%.1f MiB sent, %.1f MiB read by this process",
				float64(size)/(1<<20), float64(got)/(1<<20))
			if got < tt.copies*size || got > tt.copies*size+size/2 {
				t.Errorf("each byte was read %.2f times, want %d", float64(got)/size, tt.copies)
			}
		})
	}
}

// proxyLinuxSendUrgent sends a byte with MSG_OOB.
func proxyLinuxSendUrgent(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var sendErr error
	if err := raw.Write(func(fd uintptr) bool {
		sendErr = syscall.Sendto(int(fd), []byte("!"), syscall.MSG_OOB, nil)
		return sendErr != syscall.EAGAIN
	}); err != nil || sendErr != nil {
		t.Fatal(err, sendErr)
	}
}

// An urgent byte, as of Telnet or FTP, is not part of the stream: a read passes over it.
// splice(2) stops there: with EAGAIN though more has arrived, and with 0, which is an end,
// once a FIN has. A proxy has to go on, wherever the byte is.
func TestProxyUrgentData(t *testing.T) {
	leak.Check(t)
	var copier splice.Copier
	defer copier.Close()
	for name, p := range map[string]ch04.Proxy{"plain": {}, "splice": {Copy: copier.Copy}} {
		for _, before := range []int{0, 1, 70 << 10, 1 << 20} {
			for _, after := range []int{0, 3, 70 << 10} {
				for _, fromServer := range []bool{false, true} {
					client, c := conns.TCPPair(t)
					s, server := conns.TCPPair(t)
					done := make(chan error, 1)
					go func() { done <- p.Run(t.Context(), c, s) }()
					from, to := client, server
					if fromServer {
						from, to = to, from
					}
					next := make(chan struct{})
					go func() {
						from.Write(make([]byte, before)) // a failure shows in what is read
						proxyLinuxSendUrgent(t, from)
						<-next // the end must not be what wakes the proxy
						from.Write(make([]byte, after))
						<-next
						from.CloseWrite()
					}()
					for _, want := range []int{before, after} {
						to.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure
						if n, err := io.CopyN(io.Discard, to, int64(want)); err != nil {
							t.Fatalf("%s: read %d of %d bytes, %v (%d before the urgent byte, %d after it)",
								name, n, want, err, before, after)
						}
						next <- struct{}{}
					}
					if n, err := to.Read(make([]byte, 1)); err != io.EOF {
						t.Errorf("%s: read %d bytes too many, %v", name, n, err)
					}
					to.Close()
					if err := <-done; err != nil {
						t.Errorf("%s: Run = %v, want nil", name, err)
					}
					from.Close()
				}
			}
		}
	}
}

// What only io.Copy does: it waits at the urgent byte, although more has arrived.
func TestProxyUrgentDataStopsIOCopy(t *testing.T) {
	client, c := conns.TCPPair(t)
	s, server := conns.TCPPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ch04.Proxy{Copy: proxyLinuxIOCopy}.Run(ctx, c, s) }()
	io.WriteString(client, "login") // a failure shows in the read
	proxyLinuxSendUrgent(t, client)
	io.WriteString(client, "the rest")
	server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	got, err := io.ReadAll(server)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("server read %q, %v: io.Copy passes urgent data now, so the package may say less", got, err)
	}
	t.Logf("server read %q, then %v", got, err)
	cancel()
	<-done // the end of ctx
}
