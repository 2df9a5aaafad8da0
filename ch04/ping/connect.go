package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// connect makes and closes one connection. It returns the address that answered and
// how long its handshake took.
func connect(ctx context.Context, target string, timeout time.Duration) (
	addr string, took time.Duration, err error,
) {
	deadline := time.Now().Add(timeout)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	var started sync.Map // address: time; a name may have several, tried side by side
	d := net.Dialer{ControlContext: func(_ context.Context, _, addr string, _ syscall.RawConn) error {
		started.Store(addr, time.Now()) // the name is known, the connection comes next
		return nil
	}}
	start := time.Now()
	conn, err := d.DialContext(ctx, "tcp", target)
	end := time.Now()
	if err != nil {
		// Whatever the error is: of a name with several addresses it may be that of one
		// that refused long before. Timeouts of others, as the kernel, say so themselves.
		if !end.Before(deadline) {
			if _, ok := errors.AsType[*net.DNSError](err); ok {
				return "", 0, fmt.Errorf("no answer of a name server in %v", timeout)
			}
			return "", 0, fmt.Errorf("no answer in %v", timeout)
		}
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // without the addresses, which the line has already
		}
		return "", 0, err
	}
	conn.Close() // a failure to say goodbye does not matter here
	addr = conn.RemoteAddr().String()
	if t, ok := started.Load(addr); ok {
		start = t.(time.Time)
	}
	return addr, end.Sub(start), nil
}

type summary struct {
	sent, connected int
	least, most     time.Duration
	sum             time.Duration
}

func (s *summary) add(took time.Duration, err error) {
	s.sent++
	if err != nil {
		return
	}
	s.connected++
	s.sum += took
	s.most = max(s.most, took)
	if s.connected == 1 || took < s.least {
		s.least = took
	}
}

func (s summary) String() string {
	loss := 0.0
	if s.sent > 0 {
		loss = 100 * float64(s.sent-s.connected) / float64(s.sent)
	}
	if s.connected > 0 {
		loss = min(loss, 99.9) // rounded, 100% would say that none had connected
	}
	out := fmt.Sprintf("%d sent, %d connected, %.3g%% loss", s.sent, s.connected, loss)
	if s.connected > 0 {
		avg := s.sum / time.Duration(s.connected)
		out += fmt.Sprintf(", min/avg/max %s/%s/%s",
			milliseconds(s.least), milliseconds(avg), milliseconds(s.most))
	}
	return out
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3fms", float64(d)/float64(time.Millisecond))
}
