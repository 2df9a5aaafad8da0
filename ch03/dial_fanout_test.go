package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
	"network-programming-with-go/ch03/internal/conns"
	"network-programming-with-go/ch03/internal/leak"
)

// A hundred addresses, of which one works.
func TestDialFirst(t *testing.T) {
	leak.Check(t)
	l := conns.Listen(t)
	addresses := make([]string, 100)
	for i := range addresses {
		addresses[i] = conns.Refused(t)
	}
	addresses[50] = l.Addr().String()
	conn, err := ch03.DialFirst(t.Context(), nil, "tcp", addresses...)
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
	fmt.Fprint(server, "hello") // an error shows in the read
	server.Close()
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "hello" {
		t.Errorf("ReadAll = %q, %v; want hello: only the other dials are canceled", got, err)
	}
	t.Logf("of %d addresses %v connected first", len(addresses), conn.RemoteAddr())
}

// Who wins, when DialFirst returns and which conns it closes, in exact fake time.
func TestDialFirstTimes(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name   string
		times  map[string]time.Duration // from the dial to the connection; -1 is never
		late   string                   // this dial ignores its context
		winner string
		err    error
		want   time.Duration
	}{
		{name: "the fastest wins, the others are canceled",
			times:  map[string]time.Duration{"a": 3 * s, "b": 2 * s, "c": -1},
			winner: "b", want: 2 * s},
		{name: "one that is refused ends nothing",
			times: map[string]time.Duration{"c": 9 * s}, winner: "c", want: 9 * s},
		{name: "a late connection is closed",
			times: map[string]time.Duration{"a": 1 * s, "b": 4 * s}, late: "b",
			winner: "a", want: 4 * s}, // not 1 s: no goroutine outlives DialFirst
		{name: "all refused: at once", err: syscall.ECONNREFUSED},
		{name: "ctx ends first", times: map[string]time.Duration{"a": -1, "b": 90 * s},
			err: context.DeadlineExceeded, want: 60 * s},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 60*s)
				defer cancel()
				fake := &dialFirstFake{times: tt.times, late: tt.late}
				start := time.Now()
				conn, err := ch03.DialFirst(ctx, fake.dial, "tcp", "a", "b", "c")
				if got := time.Since(start); got != tt.want {
					t.Errorf("DialFirst took %v, want %v", got, tt.want)
				}
				if !errors.Is(err, tt.err) {
					t.Errorf("DialFirst error = %v, want %v", err, tt.err)
				}
				if tt.err != nil {
					return
				}
				if got := conn.(*dialFirstConn).address; got != tt.winner {
					t.Errorf("connected to %s, want %s", got, tt.winner)
				}
				if got := fake.open.Load(); got != 1 {
					t.Errorf("%d conns are open, want 1: that of %s", got, tt.winner)
				}
				conn.Close()
			})
		})
	}
}

// dialFirstFake dials hosts that do not exist. One without a time is refused.
type dialFirstFake struct {
	times map[string]time.Duration
	late  string
	open  atomic.Int32 // conns that were not closed
}

func (f *dialFirstFake) dial(ctx context.Context, _, address string) (net.Conn, error) {
	after, ok := f.times[address]
	if !ok {
		return nil, syscall.ECONNREFUSED
	}
	var connected <-chan time.Time
	if after >= 0 {
		connected = time.After(after)
	}
	if address == f.late {
		ctx = context.Background()
	}
	select {
	case <-connected:
		f.open.Add(1)
		conn, peer := net.Pipe()
		peer.Close()
		return &dialFirstConn{conn, address, &f.open}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
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
