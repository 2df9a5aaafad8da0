package ch05_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch05"
)

// Errors that are about one datagram do not end the server.
func TestEchoUDPSurvivesErrors(t *testing.T) {
	for _, cause := range []error{
		syscall.ECONNREFUSED,
		syscall.EMSGSIZE,
		syscall.ENETUNREACH,
		syscall.ENOBUFS,
		syscall.EPERM,        // a firewall forbids the reply
		syscall.Errno(10054), // WSAECONNRESET: package net turns it off
		syscall.Errno(10040), // WSAEMSGSIZE
		os.ErrDeadlineExceeded,
		errors.New("an error of the future"),
	} {
		t.Run(cause.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				conn := &echoFake{closed: make(chan struct{}), writes: cause,
					reads: []error{nil, cause, nil, cause, cause, nil}}
				if err := ch05.EchoUDP(ctx, conn); err != nil {
					t.Errorf("EchoUDP = %v, want nil", err)
				}
				if conn.echoed != 3 {
					t.Errorf("echoed %d datagrams, want 3", conn.echoed)
				}
				if got := time.Since(start); got != time.Minute {
					t.Errorf("EchoUDP ended after %v, want 1m0s", got)
				}
			})
		})
	}
}

// A socket that always fails must not keep a core busy. A single failure between
// datagrams causes no pause, or anyone could slow the server down.
func TestEchoUDPPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		reads := slices.Repeat([]error{syscall.ENOMEM}, 12)
		reads = append(reads, nil, syscall.ENOMEM, nil)
		conn := &echoFake{closed: make(chan struct{}), reads: reads}
		if err := ch05.EchoUDP(ctx, conn); err != nil {
			t.Errorf("EchoUDP = %v, want nil", err)
		}
		var pauses []time.Duration
		for i := range conn.calls[1:] {
			pauses = append(pauses, conn.calls[i+1].Sub(conn.calls[i]))
		}
		const ms = time.Millisecond
		want := []time.Duration{0, 5 * ms, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms,
			320 * ms, 640 * ms, time.Second, time.Second, time.Second, 0, 0, 0}
		if fmt.Sprint(pauses) != fmt.Sprint(want) {
			t.Errorf("pauses between reads = %v\nwant %v", pauses, want)
		}
	})
}

// A conn that reports net.ErrClosed ends the server, and is closed once.
func TestEchoUDPClosesConn(t *testing.T) {
	conn := &echoFake{closed: make(chan struct{}), reads: []error{nil, net.ErrClosed}}
	if err := ch05.EchoUDP(t.Context(), conn); !errors.Is(err, net.ErrClosed) {
		t.Errorf("EchoUDP = %v, want net.ErrClosed", err)
	}
	select {
	case <-conn.closed:
	default:
		t.Error("EchoUDP returned and did not close its conn")
	}
}

func TestEchoUDPEndsInPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		conn := &echoFake{closed: make(chan struct{}),
			reads: slices.Repeat([]error{syscall.ENOMEM}, 1000)}
		err := ch05.EchoUDP(ctx, conn)
		if got := time.Since(start); err != nil || got != 30*time.Second {
			t.Errorf("EchoUDP = %v after %v, want nil after 30s", err, got)
		}
	})
}

// echoFake is a conn for a synctest bubble: reads follow a script, then wait for Close.
type echoFake struct {
	reads  []error // nil for a datagram
	writes error   // of every write
	closed chan struct{}
	calls  []time.Time // of reads
	echoed int
}

func (c *echoFake) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	c.calls = append(c.calls, time.Now())
	if len(c.reads) == 0 {
		<-c.closed
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	err := c.reads[0]
	c.reads = c.reads[1:]
	return copy(p, "hello"), netip.MustParseAddrPort("192.0.2.1:7"), err
}

func (c *echoFake) WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	if string(p) == "hello" && to.String() == "192.0.2.1:7" {
		c.echoed++
	}
	return 0, c.writes
}

func (c *echoFake) Close() error {
	close(c.closed) // panics if it is closed twice
	return nil
}
