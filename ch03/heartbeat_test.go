package ch03_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch03"
)

const (
	heartbeatInterval = 10 * time.Second // between pings when nothing else is written
	heartbeatLimit    = 25 * time.Second // after which a silent peer has gone
)

// heartbeatSide is one end of a connection. Its pings move the peer's deadline ahead, and
// what it reads moves its own. A deadline that passes means that the peer has gone.
type heartbeatSide struct {
	name string
	conn net.Conn
	log  func(format string, args ...any)

	pinger sync.WaitGroup
	reset  chan time.Duration
	done   chan struct{} // closed when the Pinger has returned: nothing receives resets
}

// heartbeatStart pings until ctx ends. The caller calls end.
func heartbeatStart(ctx context.Context, name string, conn net.Conn,
	log func(string, ...any)) *heartbeatSide {
	s := &heartbeatSide{name: name, conn: conn, log: log,
		reset: make(chan time.Duration, 1), done: make(chan struct{})}
	s.reset <- heartbeatInterval
	s.pinger.Go(func() {
		defer close(s.done)
		ch03.Pinger(ctx, conn, s.reset)
	})
	return s
}

// write writes a message. It takes the place of a ping, so the next ping comes later.
func (s *heartbeatSide) write(message string) error {
	s.log("%s writes %q", s.name, message)
	if _, err := io.WriteString(s.conn, message); err != nil {
		return err
	}
	select {
	case s.reset <- 0:
	case <-s.done:
	}
	return nil
}

// read reads until the peer is silent for heartbeatLimit or closes. Each byte, of a ping
// or a message, moves the deadline ahead.
func (s *heartbeatSide) read() error {
	buf := make([]byte, 1024)
	for {
		deadline := time.Now().Add(heartbeatLimit)
		if err := s.conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		n, err := s.conn.Read(buf)
		if err != nil {
			s.log("%s ends: %v", s.name, err)
			return err
		}
		s.log("%s reads %q", s.name, buf[:n])
	}
}

// end closes the conn, which ends a pending write, and waits for the Pinger.
func (s *heartbeatSide) end(cancel context.CancelFunc) {
	cancel()
	s.conn.Close()
	s.pinger.Wait()
}

// Two sides stay connected, with pings only while a side is quiet. Then the client falls
// silent, as if its machine had lost power: without a FIN or a reset no read returns. The
// server notices by its deadline.
func TestPingerAdvanceDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex // guards timeline
		var timeline []string
		log := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			timeline = append(timeline,
				fmt.Sprintf("%4v  %s", time.Since(start), fmt.Sprintf(format, args...)))
		}

		local, remote := net.Pipe()
		clientCtx, clientStop := context.WithCancel(t.Context())
		serverCtx, serverStop := context.WithCancel(t.Context())
		client := heartbeatStart(clientCtx, "client", local, log)
		time.Sleep(time.Second) // so that the two do not ping at the same time
		server := heartbeatStart(serverCtx, "server", remote, log)

		var readers sync.WaitGroup
		var clientErr, serverErr error
		readers.Go(func() { clientErr = client.read() })
		readers.Go(func() {
			serverErr = server.read()
			server.end(serverStop)
		})

		time.Sleep(24 * time.Second) // 25 s
		if err := client.write("hello"); err != nil {
			t.Errorf("write: %v", err)
		}
		time.Sleep(15 * time.Second) // 40 s
		log("the client's machine dies")
		clientStop() // no more pings; it still reads, as this is a pipe
		readers.Wait()
		client.end(clientStop)

		if !errors.Is(serverErr, os.ErrDeadlineExceeded) {
			t.Errorf("the server ended with %v, want a timeout", serverErr)
		}
		if !errors.Is(clientErr, io.EOF) {
			t.Errorf("the client's conn ended with %v, want io.EOF", clientErr)
		}
		want := []string{
			` 10s  server reads "ping"`,
			` 11s  client reads "ping"`,
			` 20s  server reads "ping"`,
			` 21s  client reads "ping"`,
			` 25s  client writes "hello"`,
			` 25s  server reads "hello"`,
			` 31s  client reads "ping"`, // the server's interval is its own
			` 35s  server reads "ping"`, // 10 s after the message, not at 30 s
			` 40s  the client's machine dies`,
			` 41s  client reads "ping"`,
			` 51s  client reads "ping"`,
			`1m0s  server ends: read pipe: i/o timeout`, // 35 s + 25 s
			`1m0s  client ends: EOF`,
		}
		if !slices.Equal(timeline, want) {
			t.Errorf("timeline differs, want:\n%s", heartbeatLines(want))
		}
		t.Logf("timeline:\n%s", heartbeatLines(timeline))
	})
}

func heartbeatLines(lines []string) (s string) {
	for _, line := range lines {
		s += line + "\n"
	}
	return s
}
