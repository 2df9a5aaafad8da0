package ch03_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"network-programming-with-go/ch03"
)

// A list of 100 servers with one that answers, the last of them. The hook stands for the
// network, to make the figures the same everywhere: a dead host takes 1 ms (in life
// it is seconds), the live one answers at once.
func BenchmarkDialFirst(b *testing.B) {
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		if address == "live" {
			conn, peer := net.Pipe()
			peer.Close()
			return conn, nil
		}
		timeout := time.NewTimer(time.Millisecond)
		defer timeout.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timeout.C:
			return nil, errors.New("no answer")
		}
	}
	oneByOne := func(ctx context.Context, network string, addresses ...string) (net.Conn,
		error) {
		var errs []error
		for _, address := range addresses {
			conn, err := dial(ctx, network, address)
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
	addresses := make([]string, 100)
	addresses[len(addresses)-1] = "live"
	for _, way := range []struct {
		name string
		dial func(context.Context, string, ...string) (net.Conn, error)
	}{
		{"OneByOne", oneByOne},
		{"FanOut", (&ch03.FanOut{Dial: dial}).DialFirst},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				conn, err := way.dial(b.Context(), "tcp", addresses...)
				if err != nil {
					b.Fatal(err)
				}
				conn.Close()
			}
		})
	}
}
