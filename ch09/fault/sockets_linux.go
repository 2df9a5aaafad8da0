package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Copy with: connections.go, dns.go, main.go, options.go, resources.go, serve.go, sockets_other.go.

// freeMiB returns the space that a user without privileges may still use under dir.
func freeMiB(dir string) (int, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return int(st.Bavail * uint64(st.Bsize) / mib), nil
}

// refused binds a port and does not listen. The kernel responds to each SYN with a reset,
// and no other process can take the port meanwhile.
func refused(ctx context.Context, f *fault) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer syscall.Close(fd) // error: nothing was written
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	sa, err1 := syscall.Getsockname(fd)
	if err := cmp.Or(err, err1); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	port := fmt.Sprint(sa.(*syscall.SockaddrInet4).Port) // cannot fail: bound as IPv4
	f.vars = " PORT=" + port
	f.wg.Go(func() { keepDialing(ctx, "127.0.0.1:"+port) })
	return f.hold(ctx, "no listener on 127.0.0.1:"+port,
		`curl -sS http://127.0.0.1:"$PORT"/`, `ss -lntp | grep ":$PORT "`)
}

// timeout listens with a queue of length 0, in which Linux keeps one connection. It
// fills the queue and never accepts, so the kernel drops every later SYN.
func timeout(ctx context.Context, f *fault) error {
	raw, _ := f.listener.(*net.TCPListener).SyscallConn() // cannot fail: it is open
	var err error
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }) // likewise
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	first, err := new(net.Dialer).DialContext(ctx, "tcp", f.addr)
	if err != nil {
		return err
	}
	defer first.Close()
	f.wg.Go(func() { keepDialing(ctx, f.addr) })
	return f.hold(ctx, "the accept queue is full, SYNs are dropped",
		`curl -sS -m 2 http://127.0.0.1:"$PORT"/`, `ss -lnt sport = :"$PORT"`)
}

// keepDialing dials addr until ctx ends, so that ss and tcpdump have something to show.
// It pauses after a dial that is refused, and not after one that times out.
func keepDialing(ctx context.Context, addr string) {
	d := net.Dialer{Timeout: 2 * time.Second} // long enough to retransmit the SYN
	for next := time.Now(); wait(ctx, time.Until(next)); {
		next = time.Now().Add(250 * time.Millisecond)
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			c.Close()
		}
	}
}

// descriptors lowers its own limit of open files to f.n. It dials itself and closes no
// connection, until accept fails.
func descriptors(ctx context.Context, f *fault) error {
	limit := syscall.Rlimit{Cur: uint64(f.n), Max: uint64(f.n)}
	err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	keep := func(c net.Conn, cErr error) bool {
		if err = cErr; err == nil {
			context.AfterFunc(ctx, func() { c.Close() })
		}
		return err == nil
	}
	dial := func() bool { return keep(new(net.Dialer).DialContext(ctx, "tcp", f.addr)) }
	accept := func() bool { return keep(f.listener.Accept()) }
	if !dial() {
		return err // other files fill the limit
	}
	for dial() && accept() { // dial is one ahead, so accept never waits
	}
	if !errors.Is(err, syscall.EMFILE) {
		return err
	}
	accept() // sets err, too: it may be dial that has failed
	return f.hold(ctx, fmt.Sprintf("%d descriptors are in use: %v", f.n, err),
		`grep 'open files' /proc/"$PID"/limits`, `ls /proc/"$PID"/fd | wc -l`)
}
