package ch04_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
	"network-programming-with-go/ch04/internal/conns"
)

// proxyWrapper is a wrapper that keeps half-closes and resets.
type proxyWrapper struct{ *conns.Memory }

// proxyWrappers are the ways to hand a conn to a Proxy. All have to behave the same.
var proxyWrappers = map[string]func(net.Conn) net.Conn{
	"bare": func(c net.Conn) net.Conn { return c },
	"idle limit": func(c net.Conn) net.Conn {
		return ch04.IdleConn{Conn: c, Timer: time.NewTimer(time.Hour), Limit: time.Hour}
	},
	"wrapped": func(c net.Conn) net.Conn { return proxyWrapper{c.(*conns.Memory)} },
}

// proxyBubble runs test in a bubble, with the outer ends of a Proxy between two connections
// and the conn of the proxy that leads to sender. The sender is the server, and then again
// the client.
func proxyBubble(t *testing.T, test func(t *testing.T, sender, proxySide, receiver *conns.Memory,
	done <-chan error)) {
	for name, wrap := range proxyWrappers {
		for _, who := range []string{"client", "server"} {
			t.Run(who+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, c := conns.MemoryPair()
					s, server := conns.MemoryPair()
					done := make(chan error, 1)
					go func() { done <- ch04.Proxy{}.Run(t.Context(), wrap(c), wrap(s)) }()
					if who == "client" {
						test(t, client, c, server, done)
					} else {
						test(t, server, s, client, done)
					}
					client.Close()
					server.Close()
				})
			})
		}
	}
}

// A stream that was cut is reset for its receiver too: half a response must not look whole.
// The kernel reports a reset once. If a Write of the proxy that waits for room gets the
// report, the Read that follows looks like the end of the stream.
func TestProxyReset(t *testing.T) {
	for _, tt := range []struct {
		name           string
		stalled, ended bool // the receiver's stream waits for the sender; it has ended
	}{
		{"both quiet", false, false},
		{"receiver has ended", false, true},
		{"a write waits", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 10 { // it is chance who gets the report
				proxyBubble(t, func(t *testing.T, sender, proxySide, receiver *conns.Memory, done <-chan error) {
					io.WriteString(sender, "half")                                    // a failure
					if _, err := io.ReadFull(receiver, make([]byte, 4)); err != nil { // shows here
						t.Error(err)
					}
					if tt.stalled {
						go receiver.Write(make([]byte, 1<<10)) // nobody reads it
					} else if tt.ended {
						receiver.CloseWrite()
					}
					synctest.Wait()
					proxySide.Vanish(syscall.ECONNRESET)
					if _, err := receiver.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("the receiver read %v, want ECONNRESET", err)
					}
					err := <-done
					if !errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe) {
						t.Errorf("Run = %v, want ECONNRESET and not what Run has ended", err)
					}
				})
			}
		})
	}
}

// Nobody reads from a conn whose stream has ended. If its peer disappears then, and the
// other one is quiet, the pair still has to end, and soon.
func TestProxyGone(t *testing.T) {
	for name, reason := range map[string]error{
		"reset":      syscall.EPIPE, // after the end it is no ECONNRESET
		"keep-alive": syscall.ETIMEDOUT,
	} {
		t.Run(name, func(t *testing.T) {
			proxyBubble(t, func(t *testing.T, sender, proxySide, receiver *conns.Memory, done <-chan error) {
				sender.CloseWrite()
				if _, err := receiver.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("the receiver read %v, want io.EOF", err)
				}
				time.Sleep(time.Minute) // a half-closed connection is a connection
				go io.WriteString(receiver, "late")
				buf := make([]byte, 4)
				if _, err := io.ReadFull(sender, buf); err != nil || string(buf) != "late" {
					t.Errorf("a minute later the sender read %q, %v", buf, err)
				}
				start := time.Now()
				proxySide.Vanish(reason)
				if err := <-done; !errors.Is(err, reason) {
					t.Errorf("Run = %v, want %v", err, reason)
				}
				if took := time.Since(start); took > 2*time.Second {
					t.Errorf("ended after %v, want 2s at most", took)
				}
			})
		})
	}
}

// A server that reads no more sends its response and half-closes. The client has to get the
// end of it although a Write to the server waits.
func TestProxyEndWhileAWriteWaits(t *testing.T) {
	proxyBubble(t, func(t *testing.T, sender, _, receiver *conns.Memory, done <-chan error) {
		go receiver.Write(make([]byte, 1<<10)) // nobody reads it
		synctest.Wait()
		start := time.Now()
		go func() {
			io.WriteString(sender, "413")
			sender.CloseWrite()
		}()
		if got, err := io.ReadAll(receiver); string(got) != "413" || err != nil {
			t.Errorf("the receiver read %q, %v, want 413 and the end", got, err)
		}
		if took := time.Since(start); took > ch04.ProxyGrace {
			t.Errorf("the end came after %v, want %v at most", took, ch04.ProxyGrace)
		}
		sender.Close()
		if err := <-done; err == nil {
			t.Error("Run = nil, want the error of the direction that was cut")
		}
	})
}

// The commonest wrapper has no CloseWrite. Its peer has to hear the end even if it is quiet,
// and what it has sent by then has to arrive.
func TestProxyNoCloseWrite(t *testing.T) {
	for _, response := range []string{"", "the response"} {
		synctest.Test(t, func(t *testing.T) {
			client, c := conns.MemoryPair()
			s, server := conns.MemoryPair()
			done := make(chan error, 1)
			go func() { done <- ch04.Proxy{}.Run(t.Context(), c, struct{ net.Conn }{s}) }()
			start := time.Now()
			client.CloseWrite()
			go io.WriteString(server, response)
			buf := make([]byte, len(response))
			if _, err := io.ReadFull(client, buf); err != nil || string(buf) != response {
				t.Errorf("client read %q, %v, want %q", buf, err, response)
			}
			if _, err := server.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("server read %v, want io.EOF", err)
			}
			if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("client read %v, want ECONNRESET: more may have been on its way", err)
			}
			if err := <-done; !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("Run = %v, want errors.ErrUnsupported", err)
			}
			if took := time.Since(start); took != ch04.ProxyGrace {
				t.Errorf("ended after %v, want %v", took, ch04.ProxyGrace)
			}
			server.Close()
		})
	}
}
