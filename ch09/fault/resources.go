package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"
)

// Copy with: connections.go, dns.go, dns_message.go, files.go, main.go, options.go,
// serve.go, sockets_linux.go, sockets_other.go.

const mib = 1 << 20

// cpu spins on f.n goroutines.
func cpu(ctx context.Context, f *fault) error {
	for range f.n {
		f.wg.Go(func() { spin(ctx) })
	}
	return f.hold(ctx, fmt.Sprintf("%d goroutines spin", f.n), []string{
		"uptime", `top -b -n 1 -p "$PID"`, "vmstat 1 5"})
}

// spin keeps one processor busy in user space: it makes no system calls of its own.
func spin(ctx context.Context) {
	for x := uint64(1); ctx.Err() == nil; {
		for range 1 << 20 {
			x ^= x << 13
			x ^= x >> 7
		}
	}
}

// memory holds f.size MiB. A page counts as resident from its first write on.
func memory(ctx context.Context, f *fault) error {
	p := make([]byte, f.size*mib)
	for i := 0; i < len(p); i += os.Getpagesize() {
		p[i] = 1
	}
	defer runtime.KeepAlive(p)
	return f.hold(ctx, fmt.Sprintf("%d MiB resident", f.size), []string{
		"free -m", "ps -eo pid,rss,vsz,comm --sort=-rss | head -n 20"})
}

// wait returns true after d, or false as soon as ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
