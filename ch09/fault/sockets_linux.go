package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Copy with: connections.go, dns.go, dns_message.go, files.go, main.go, options.go,
// resources.go, serve.go, sockets_other.go.

// freeMiB returns the space that a user without privileges may still use under dir.
func freeMiB(dir string) (int, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return int(st.Bavail * uint64(st.Bsize) / mib), nil
}

// keepDialing dials addr in a loop, so that tcpdump has something to show.
func keepDialing(ctx context.Context, addr string) {
	d := net.Dialer{Timeout: 2 * time.Second} // long enough to retransmit the SYN
	for {
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			c.Close()
		}
		if !wait(ctx, 250*time.Millisecond) {
			return
		}
	}
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
	if err := errors.Join(err, err1); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	port := fmt.Sprint(sa.(*syscall.SockaddrInet4).Port) // cannot fail: bound as IPv4
	f.wg.Go(func() { keepDialing(ctx, "127.0.0.1:"+port) })
	return f.hold(ctx, "no listener on 127.0.0.1:"+port, []string{
		`curl -sS http://127.0.0.1:"$PORT"/`, `ss -lntp | grep ":$PORT "`}, "PORT", port)
}

// timeout listens with a queue of length 0, in which Linux keeps one connection. It
// fills the queue and never accepts, so the kernel drops every later SYN.
func timeout(ctx context.Context, f *fault) error {
	raw, err := f.listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var again error
	err = raw.Control(func(fd uintptr) { again = syscall.Listen(int(fd), 0) })
	if err := errors.Join(err, again); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var d net.Dialer
	first, err := d.DialContext(ctx, "tcp", f.addr)
	if err != nil {
		return err
	}
	defer first.Close()
	f.wg.Go(func() { keepDialing(ctx, f.addr) })
	f.wg.Go(func() { // dials while the first one pauses
		wait(ctx, time.Second) // false: keepDialing returns at once
		keepDialing(ctx, f.addr)
	})
	return f.hold(ctx, "the accept queue is full, SYNs are dropped", []string{
		`curl -sS -m 2 http://127.0.0.1:"$PORT"/`, `ss -lnt sport = :"$PORT"`},
		"PORT", f.port)
}

// descriptors lowers its own limit of open files to f.n. It dials itself and closes no
// connection, until accept fails. Like net/http it then tries again.
func descriptors(ctx context.Context, f *fault) error {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	limit.Cur = uint64(f.n)
	err = errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	if err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	full := make(chan error, 1)
	f.wg.Go(func() { acceptAll(ctx, f.listener, full) })
	var d net.Dialer
	var last net.Conn
	for {
		c, err := d.DialContext(ctx, "tcp", f.addr)
		if err != nil && last == nil {
			return err // other files fill the limit
		} else if err != nil {
			break
		}
		defer c.Close()
		last = c
	}
	// A dial may have taken the last descriptor after every connection was accepted. Then
	// accept has not failed yet: free one descriptor, and let one more connection take it.
	last.Close()
	if c, err := d.DialContext(ctx, "tcp", f.addr); err == nil { // or an accept took it
		defer c.Close()
	}
	select {
	case err := <-full:
		return f.hold(ctx, fmt.Sprintf("%d descriptors are in use: %v", f.n, err), []string{
			`grep 'open files' /proc/"$PID"/limits`, `ls /proc/"$PID"/fd | wc -l`},
			"PORT", f.port)
	case <-ctx.Done():
		return nil
	}
}

// acceptAll keeps all connections that it accepts, until l is closed. It sends the
// first error of Accept to full.
func acceptAll(ctx context.Context, l net.Listener, full chan<- error) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			defer c.Close()
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case full <- err:
			default: // the first one was sent
			}
			if !wait(ctx, time.Second) {
				return
			}
		}
	}
}
