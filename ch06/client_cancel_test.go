package ch06_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
)

// A server that never answers is asked again after 1, 2, 4, 8 and 8 seconds more, then
// given up: in fake time, to the second.
func TestClientGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &cancelSilence{start: time.Now(), wake: make(chan struct{}, 1)}
		client := &ch06.Client{ListenPacket: func(string, string) (net.PacketConn, error) { return conn, nil }}
		_, err := client.Get(t.Context(), "192.0.2.1:69", "f", io.Discard)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Get error = %v, want os.ErrDeadlineExceeded", err)
		}
		if got, want := fmt.Sprint(conn.sent, time.Since(conn.start)), "[0s 1s 3s 7s 15s 23s] 31s"; got != want {
			t.Errorf("asked at %s, want %s", got, want)
		}
		t.Log(conn.sent, err)
	})
}

// A server in a flood may forget a client between its answer and the acknowledgment: where
// that is sent in vain twice, the client asks anew.
func TestClientAsksAnew(t *testing.T) {
	const oack, data = "\x00\x06windowsize\x001\x00", "\x00\x03\x00\x01hello"
	synctest.Test(t, func(t *testing.T) {
		conn := &cancelSilence{start: time.Now(), wake: make(chan struct{}, 1)}
		conn.answers = map[int]string{0: oack, 3: oack, 4: data}
		client := &ch06.Client{ListenPacket: func(string, string) (net.PacketConn, error) { return conn, nil }}
		if n, err := client.Get(t.Context(), "192.0.2.1:69", "f", io.Discard); err != nil || n != 5 {
			t.Errorf("Get = %d, %v, want 5", n, err)
		}
		var got []string
		for i, packet := range conn.packets {
			got = append(got, fmt.Sprintf("%v:%d", conn.sent[i], packet[1]))
		}
		// Request, ACK of the answer, that again, request again, ACK of the answer, of the file.
		if got, want := strings.Join(got, " "), "0s:1 0s:4 1s:4 3s:1 3s:4 3s:4"; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

// Cancelling ends a Get at once.
func TestClientCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &cancelSilence{start: time.Now(), wake: make(chan struct{}, 1)}
		client := &ch06.Client{ListenPacket: func(string, string) (net.PacketConn, error) { return conn, nil }}
		reason := errors.New("the user pressed stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2500*time.Millisecond, func() { cancel(reason) })
		_, err := client.Get(ctx, "192.0.2.1:69", "f", io.Discard)
		if !errors.Is(err, reason) || time.Since(conn.start) != 2500*time.Millisecond {
			t.Errorf("Get error = %v after %v, want the cause after 2.5s", err, time.Since(conn.start))
		}
	})
}

// Nothing is sent where ctx has ended before, and its cause comes back: also where a name
// would have been looked up first.
func TestClientCancelledBefore(t *testing.T) {
	reason := errors.New("no longer needed")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	client := &ch06.Client{ListenPacket: func(string, string) (net.PacketConn, error) {
		t.Error("a socket was opened")
		return nil, errors.ErrUnsupported
	}}
	for _, addr := range []string{"127.0.0.1:69", "localhost:69"} {
		if _, err := client.Get(ctx, addr, "f", io.Discard); !errors.Is(err, reason) {
			t.Errorf("Get from %s: error = %v, want the cause", addr, err)
		}
	}
}

// The server is told when a Get is cancelled in the middle of the file.
func TestClientCancelTellsTheServer(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		b := make([]byte, 2048)
		_, client, err := server.ReadFrom(b)
		if err != nil {
			t.Error(err)
			return
		}
		server.WriteTo([]byte("\x00\x03\x00\x01"+strings.Repeat("x", 512)), client) // the client's timer covers a loss
		server.ReadFrom(b)                                                          // ACK 1
		cancel()
		if n, _, err := server.ReadFrom(b); err != nil || !strings.HasPrefix(string(b[:n]), "\x00\x05\x00\x00") {
			t.Errorf("after the cancel the server got %q, %v, want ERROR 0", b[:n], err)
		}
	})
	if _, err := (&ch06.Client{}).Get(ctx, server.LocalAddr().String(), "f", io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("Get error = %v, want context.Canceled", err)
	}
}

// cancelSilence is a socket that notes when it was written to. Nothing ever arrives there,
// but for the answers that a test gives in advance.
type cancelSilence struct {
	net.PacketConn
	start   time.Time
	sent    []time.Duration
	packets []string
	answers map[int]string // to what is sent as number 0, 1, 2 ...
	arrived string

	mu       sync.Mutex
	deadline time.Time
	wake     chan struct{} // deadline has changed
}

func (c *cancelSilence) WriteTo(b []byte, _ net.Addr) (int, error) {
	c.arrived = c.answers[len(c.sent)]
	c.sent = append(c.sent, time.Since(c.start))
	c.packets = append(c.packets, string(b))
	return len(b), nil
}

func (c *cancelSilence) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if c.arrived != "" { // by a write of this goroutine
			n := copy(b, c.arrived)
			c.arrived = ""
			return n, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2000}, nil
		}
		c.mu.Lock()
		left := time.Until(c.deadline)
		c.mu.Unlock()
		if left <= 0 {
			return 0, nil, os.ErrDeadlineExceeded
		}
		select {
		case <-time.After(left):
		case <-c.wake:
		}
	}
}

func (c *cancelSilence) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

func (c *cancelSilence) Close() error { return nil }

// TestClientEndlessGrants has a server that grants the options of each request, from a
// fresh port as it must, and then never sends data.
func TestClientEndlessGrants(t *testing.T) {
	t.Parallel()
	listener, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests := make(chan int, 1)
	go func() {
		n, b := 0, make([]byte, 1024)
		for {
			_, from, err := listener.ReadFrom(b)
			if err != nil {
				requests <- n
				return
			}
			n++
			c, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				continue
			}
			c.WriteTo([]byte("\x00\x06tsize\x001000\x00"), from) // lost is as good
			defer c.Close()
		}
	}()
	client := &ch06.Client{Timeout: 5 * time.Millisecond, Retries: 3}
	_, err = client.Get(t.Context(), listener.LocalAddr().String(), "f", io.Discard)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Get error = %v, want os.ErrDeadlineExceeded", err)
	}
	listener.Close()
	if n := <-requests; n > 4 {
		t.Errorf("%d requests, want at most 4: the first and three retries", n)
	}
}

// TestClientEndlessRepeats has a server that answers each packet by the same one again,
// which brings the client no further: it gives up as if there were silence.
func TestClientEndlessRepeats(t *testing.T) {
	t.Parallel()
	for name, packet := range map[string]string{
		"OACK": "\x00\x06tsize\x001000\x00", "DATA": "\x00\x03\x00\x01" + strings.Repeat("x", 512),
	} {
		server, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 1024)
			for {
				_, from, err := server.ReadFrom(b)
				if err != nil {
					return
				}
				server.WriteTo([]byte(packet), from) // lost is as good
			}
		}()
		client := &ch06.Client{Timeout: 5 * time.Millisecond, Retries: 2}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // bounds a failure
		_, err = client.Get(ctx, server.LocalAddr().String(), "f", io.Discard)
		cancel()
		if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("endless %s: Get error = %v, want os.ErrDeadlineExceeded", name, err)
		}
		server.Close()
		<-done
	}
}
