package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

// A hundred addresses, of which one works.
func TestDialFirst(t *testing.T) {
	dialFirstLeakCheck(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addresses := dialFirstRefused(t, 99)
	addresses = append(addresses[:50], append([]string{l.Addr().String()},
		addresses[50:]...)...)

	conn, err := ch03.DialFirst(t.Context(), "tcp", addresses...)
	if err != nil {
		t.Fatalf("DialFirst error = %v", err)
	}
	defer conn.Close()
	if conn.RemoteAddr().String() != l.Addr().String() {
		t.Errorf("connected to %v, want %v", conn.RemoteAddr(), l.Addr())
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(server, "hello") // a failure shows in the read
	server.Close()
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "hello" {
		t.Errorf("the winner reads %q, %v; want hello: it must not be cancelled", got, err)
	}
	t.Logf("of %d addresses %v answered first", len(addresses), conn.RemoteAddr())
}

// All errors come back joined, in order, each with its address.
func TestDialFirstNoneAnswers(t *testing.T) {
	dialFirstLeakCheck(t)
	addresses := append(dialFirstRefused(t, 2), "192.0.2.1") // the last has no port
	conn, err := ch03.DialFirst(t.Context(), "tcp", addresses...)
	if conn != nil || err == nil {
		t.Fatalf("DialFirst = %v, %v; want an error", conn, err)
	}
	if _, ok := errors.AsType[*net.AddrError](err); !ok || !dialFirstIsRefused(err) {
		t.Errorf("DialFirst error = %v, want refused and *net.AddrError in it", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(addresses) {
		t.Fatalf("DialFirst error has %d lines, want %d:\n%v", len(lines), len(addresses), err)
	}
	for i, address := range addresses {
		if !strings.HasPrefix(lines[i], "dial first: "+address+": ") {
			t.Errorf("line %d is %q, want address %s", i, lines[i], address)
		}
	}
	t.Log(err)

	_, err = ch03.DialFirst(t.Context(), "tcp", addresses[0])
	if _, joined := err.(interface{ Unwrap() []error }); joined || !dialFirstIsRefused(err) ||
		!strings.Contains(err.Error(), addresses[0]) {
		t.Errorf("DialFirst(one address) = %v, want a plain error with its address", err)
	}
	if _, err = ch03.DialFirst(t.Context(), "tcp"); !errors.Is(err, ch03.ErrNoAddress) {
		t.Errorf("DialFirst without addresses = %v, want ErrNoAddress", err)
	}
}

// dialFirstConn counts itself until it is closed.
type dialFirstConn struct {
	net.Conn
	address string
	open    *atomic.Int32
}

func (c *dialFirstConn) Close() error {
	c.open.Add(-1)
	return c.Conn.Close()
}

// dialFirstFake dials hosts that do not exist: each has a time to answer, -1 for never,
// and may be deaf to the cancel. Without a time it is refused.
func dialFirstFake(open *atomic.Int32, times map[string]time.Duration,
	deaf string) *ch03.FanOut {
	return &ch03.FanOut{Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
		after, ok := times[address]
		if !ok {
			return nil, syscall.ECONNREFUSED
		}
		var answer <-chan time.Time
		if after >= 0 {
			answer = time.After(after)
		}
		done := ctx.Done()
		if address == deaf {
			done = nil
		}
		select {
		case <-answer:
			conn, peer := net.Pipe()
			peer.Close()
			open.Add(1)
			return &dialFirstConn{conn, address, open}, nil
		case <-done:
			return nil, ctx.Err()
		}
	}}
}

func TestDialFirstTimes(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		name   string
		times  map[string]time.Duration
		deaf   string
		winner string
		err    error
		want   time.Duration
	}{
		{name: "the fastest wins, the others are cancelled",
			times:  map[string]time.Duration{"a": 3 * s, "b": 2 * s, "c": -1},
			winner: "b", want: 2 * s},
		{name: "a refusal does not end it",
			times: map[string]time.Duration{"c": 9 * s}, winner: "c", want: 9 * s},
		{name: "a late winner is closed",
			times: map[string]time.Duration{"a": 1 * s, "b": 4 * s}, deaf: "b",
			winner: "a", want: 4 * s}, // not 1 s: no goroutine may be left
		{name: "all refused: at once", err: syscall.ECONNREFUSED},
		{name: "ctx ends first", times: map[string]time.Duration{"a": -1, "b": 90 * s},
			err: context.DeadlineExceeded, want: 60 * s},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 60*s)
				defer cancel()
				var open atomic.Int32
				start := time.Now()
				conn, err := dialFirstFake(&open, tc.times, tc.deaf).
					DialFirst(ctx, "tcp", "a", "b", "c")
				if got := time.Since(start); got != tc.want {
					t.Errorf("DialFirst took %v, want %v", got, tc.want)
				}
				if !errors.Is(err, tc.err) {
					t.Errorf("DialFirst error = %v, want %v", err, tc.err)
				}
				if tc.err != nil {
					return
				}
				if got := conn.(*dialFirstConn).address; got != tc.winner {
					t.Errorf("the winner is %s, want %s", got, tc.winner)
				}
				if open.Load() != 1 {
					t.Errorf("%d conns are open, want the winner only", open.Load())
				}
				conn.Close()
			})
		})
	}
}

// dialFirstRefused returns addresses on which nobody listens: the near ends of
// connections, which keep their ports from any other program until the test ends.
func dialFirstRefused(t *testing.T, n int) []string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // and what nobody has accepted
	addresses := make([]string, n)
	for i := range addresses {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		addresses[i] = conn.LocalAddr().String()
	}
	return addresses
}

func dialFirstIsRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.Errno(10061)) // WSAECONNREFUSED, on Windows
}

// dialFirstLeakCheck wants no more goroutines at the end of the test than now.
func dialFirstLeakCheck(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
			if runtime.NumGoroutine() <= before {
				return
			}
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<16)
				t.Errorf("goroutines left:\n%s", stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}
