package ch03_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"network-programming-with-go/ch03"
)

// A list of 100 servers, of which only the last one is up. No network is involved, so the
// figures are the same everywhere: a dial to a dead host takes 1 ms (in practice,
// seconds), and a dial to the live host takes no time.
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
			return nil, errors.New("timed out")
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
		{"DialFirst", func(ctx context.Context, network string, addresses ...string) (net.Conn,
			error) {
			return ch03.DialFirst(ctx, dial, network, addresses...)
		}},
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
