package ch04_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch04"
)

// proxyFaultGoroutines fails the test if it leaves a goroutine behind.
func proxyFaultGoroutines(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
			if time.Now().After(end) {
				stacks := make([]byte, 64<<10)
				t.Fatalf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
			}
			runtime.Gosched()
		}
	})
}

// proxyFaultPair returns the two ends of a TCP connection, closed after the test.
func proxyFaultPair(t testing.TB) (*net.TCPConn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// proxyFaultStart runs Proxy between two connections and returns their outer ends.
func proxyFaultStart(t testing.TB, ctx context.Context) (
	client, server *net.TCPConn, done chan error,
) {
	t.Helper()
	client, c := proxyFaultPair(t)
	s, server := proxyFaultPair(t)
	done = make(chan error, 1)
	go func() { done <- ch04.Proxy(ctx, c, s) }()
	return client, server, done
}

// A reset on one side ends the other, by a reset: half an answer is no answer.
func TestProxyReset(t *testing.T) {
	client, server, done := proxyFaultStart(t, t.Context())
	io.WriteString(client, "begin") // a failure shows in the next read
	if _, err := io.ReadFull(server, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	client.SetLinger(0)
	client.Close()
	t.Parallel() // ProxyGrace runs beside the tests that are not
	// The server neither reads more nor writes: only the proxy can end this.
	err := <-done
	if runtime.GOOS != "windows" && !errors.Is(err, syscall.ECONNRESET) || err == nil {
		t.Errorf("Proxy = %v, want ECONNRESET", err)
	}
	t.Logf("Proxy = %v", strings.ReplaceAll(fmt.Sprint(err), "\n", "; "))
	if _, err := server.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("the server read %v, want a reset", err)
	}
}

// The server answers without reading the request to its end, and goes: the client
// must still get the answer although its own direction failed.
func TestProxyAnswerBeforeReset(t *testing.T) {
	proxyFaultGoroutines(t)
	client, server, done := proxyFaultStart(t, t.Context())
	io.WriteString(server, "413 too large") // a failure shows in the next read
	server.CloseWrite()
	got, err := io.ReadAll(client)
	if err != nil || string(got) != "413 too large" {
		t.Errorf("answer = %q, %v", got, err)
	}
	server.Close()
	for range 100 { // the proxy's side of the server is found dead
		client.Write(make([]byte, 64<<10)) // an error is the proxy's right after ProxyGrace
	}
	client.Close()
	if err := <-done; err == nil {
		t.Error("Proxy = nil, want the error of the client's direction")
	}
}

// proxyFaultHalf is an in-memory conn that can half-close, as far as these tests go.
type proxyFaultHalf struct {
	net.Conn
	closeWrite func()
	reset      *bool
}

func (c proxyFaultHalf) CloseWrite() error   { c.closeWrite(); return nil }
func (c proxyFaultHalf) SetLinger(int) error { *c.reset = true; return nil }

// The answer has passed whole and the server is gone, but the client goes on sending. To
// close its conn with bytes unread would reset it, and part of the answer could be lost:
// so they are read, until the client ends or ProxyGrace does.
func TestProxyLingers(t *testing.T) {
	for _, pause := range []time.Duration{ch04.ProxyGrace / 5, time.Hour} {
		proxyFaultLinger(t, "Proxy", pause, ch04.Proxy)
		proxyFaultLinger(t, "Relay", pause, ch04.Relay{IdleTimeout: ch04.ProxyGrace / 10}.Run)
	}
}

func proxyFaultLinger(t *testing.T, name string, pause time.Duration,
	run func(ctx context.Context, client, server net.Conn) error) {
	t.Run(fmt.Sprint(name, " ", pause), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, c := net.Pipe()
			s, server := net.Pipe()
			defer client.Close()
			server.Close()
			done := make(chan error, 1)
			start, reset := time.Now(), false
			go func() {
				done <- run(t.Context(), proxyFaultHalf{c, func() {}, &reset}, proxyFaultHalf{s, func() {}, new(bool)})
			}()
			io.WriteString(client, "begin") // this one fails to pass; here it cannot be seen
			_, err := io.WriteString(client, "go on")
			if err != nil {
				t.Errorf("the client's next write: %v, want it to be read", err)
			}
			time.AfterFunc(pause, func() { client.Close() })
			err = <-done
			got, want := time.Since(start), min(pause, ch04.ProxyGrace)
			if got != want || !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("client ends after %v: %s = %v after %v, want io.ErrClosedPipe after %v",
					pause, name, err, got, want)
			}
			if reset {
				t.Errorf("client ends after %v: %s reset it, though its stream passed whole", pause, name)
			}
		})
	})
}

// proxyFaultCut delivers half an answer, and is reset in the moment in which ctx ends.
type proxyFaultCut struct {
	*net.TCPConn
	answer string
	cancel func()
}

func (c *proxyFaultCut) Read(p []byte) (int, error) {
	n := copy(p, c.answer)
	if c.answer = c.answer[n:]; n > 0 {
		return n, nil
	}
	c.cancel()
	return 0, syscall.ECONNRESET
}

func (c *proxyFaultCut) WriteTo(w io.Writer) (int64, error) { // or io.Copy asks the TCPConn's
	return io.Copy(w, struct{ io.Reader }{c})
}

// A stream that was cut is reset, also if ctx ends in the same moment: a FIN would make
// it look whole.
func TestProxyContextAtTheCut(t *testing.T) {
	proxyFaultGoroutines(t)
	for range 50 {
		client, c := proxyFaultPair(t)
		s, _ := proxyFaultPair(t)
		client.CloseWrite() // so that nothing waits for the end of ctx
		ctx, cancel := context.WithCancel(t.Context())
		err := ch04.Proxy(ctx, c, &proxyFaultCut{s, "half an answer", cancel})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Proxy = %v, want context.Canceled", err)
		}
		if got, err := io.ReadAll(client); err == nil {
			t.Fatalf("client read %q and io.EOF, want a reset", got)
		}
	}
}

// A ctx that ends in the moment in which the second direction does cuts what is still
// in the kernel's buffers: that is no success.
func TestProxyContextAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, c := net.Pipe()
		s, server := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		server.Close()
		client.Close()
		bothEnded := make(chan struct{}, 2)
		last := func() {
			if bothEnded <- struct{}{}; len(bothEnded) == 2 {
				cancel()
				synctest.Wait() // until the conns are reset
			}
		}
		err := ch04.Proxy(ctx, proxyFaultHalf{c, last, new(bool)}, proxyFaultHalf{s, last, new(bool)})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Proxy = %v, want context.Canceled", err)
		}
	})
}

func TestProxyContext(t *testing.T) {
	proxyFaultGoroutines(t)
	reason := errors.New("maintenance")
	for name, before := range map[string]func(client, server net.Conn){
		"idle": func(client, server net.Conn) {},
		"both writers stalled": func(client, server net.Conn) { // nobody reads
			for _, c := range []net.Conn{client, server} {
				c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) // it is open
				for err := error(nil); err == nil; {
					_, err = c.Write(make([]byte, 64<<10))
				}
			}
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		client, server, done := proxyFaultStart(t, ctx)
		before(client, server)
		cancel(reason)
		if err := <-done; !errors.Is(err, reason) {
			t.Errorf("%s: Proxy = %v, want %v", name, err, reason)
		}
		for _, c := range []net.Conn{client, server} {
			if _, err := io.Copy(io.Discard, c); err == nil {
				t.Errorf("%s: the end of ctx looks like the end of the stream", name)
			}
		}
		_, _, done = proxyFaultStart(t, ctx) // it has ended before the call
		if err := <-done; !errors.Is(err, reason) {
			t.Errorf("Proxy after the end of ctx = %v, want %v", err, reason)
		}
	}
}

// Conns of any kind will do. One direction fails, the other is silent for ever: it
// gets ProxyGrace and not a moment more, whatever deadlines the copying sets itself.
func TestProxyGrace(t *testing.T) {
	for name, run := range map[string]func(context.Context, net.Conn, net.Conn) error{
		"Proxy":             ch04.Proxy,
		"Relay":             ch04.Relay{IdleTimeout: time.Minute}.Run,
		"Relay with Splice": ch04.Relay{IdleTimeout: time.Second, Splice: true}.Run,
	} {
		synctest.Test(t, func(t *testing.T) {
			client, c := net.Pipe()
			s, server := net.Pipe()
			defer client.Close()
			defer server.Close()
			s.SetWriteDeadline(time.Now())   // makes one direction fail,
			go client.Write([]byte("hello")) // as soon as there is something to send
			start := time.Now()
			err := run(t.Context(), c, s)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s = %v, want os.ErrDeadlineExceeded", name, err)
			}
			if got := time.Since(start); got != ch04.ProxyGrace {
				t.Errorf("%s ended after %v, want %v", name, got, ch04.ProxyGrace)
			}
			for _, dir := range []string{"client to server", "server to client"} {
				if !strings.Contains(fmt.Sprint(err), dir) {
					t.Errorf("%s = %v, which does not name %s", name, err, dir)
				}
			}
		})
	}
}
