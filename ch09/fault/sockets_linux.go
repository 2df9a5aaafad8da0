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

// Copy with: connections.go, dns.go, main.go, resources.go, serve.go, sockets_other.go.

// freeMiB returns the space that a user without privileges may still use under dir.
func freeMiB(dir string) (int, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return int(st.Bavail * uint64(st.Bsize) / mib), nil
}

// knock dials addr again and again, so that tcpdump has something to show.
func knock(ctx context.Context, addr string) {
	d := net.Dialer{Timeout: 2 * time.Second} // long enough to send the SYN again
	for {
		if c, err := d.DialContext(ctx, "tcp", addr); err == nil {
			c.Close()
		}
		if !wait(ctx, 250*time.Millisecond) {
			return
		}
	}
}

// refused binds a port and does not listen: SYNs get a reset, and nobody else can
// take the port meanwhile.
func refused(ctx context.Context, f *fault) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer syscall.Close(fd) // error: nothing was written
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	in, ok := sa.(*syscall.SockaddrInet4)
	if !ok {
		return fmt.Errorf("getsockname: %T", sa)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", in.Port)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { knock(ctx, addr) })
	f.ready("nobody listens on "+addr, []string{
		`curl -sS http://127.0.0.1:"$PORT"/`, `ss -lntp | grep ":$PORT "`},
		"PORT", fmt.Sprint(in.Port))
	<-ctx.Done()
	return nil
}

// timeout listens with a queue of length 0, which on Linux takes one connection, fills
// it, and never accepts: every later SYN is dropped.
func timeout(ctx context.Context, f *fault) error {
	l, err := f.listenLoopback(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var again error
	err = raw.Control(func(fd uintptr) { again = syscall.Listen(int(fd), 0) })
	if err := errors.Join(err, again); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	var d net.Dialer
	first, err := d.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer first.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { knock(ctx, l.Addr().String()) })
	wg.Go(func() { // a second one, for the time between two attempts of the first
		if wait(ctx, time.Second) {
			knock(ctx, l.Addr().String())
		}
	})
	f.ready("the accept queue is full, SYNs are dropped", []string{
		`curl -sS -m 2 http://127.0.0.1:"$PORT"/`, `ss -lnt sport = :"$PORT"`},
		"PORT", portOf(l.Addr()))
	<-ctx.Done()
	return nil
}

// descriptors lowers its own limit of open files to f.n and takes connections from
// itself, never closed, until accept fails. Like net/http it then tries again.
func descriptors(ctx context.Context, f *fault) error {
	l, err := f.listenLoopback(ctx)
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	limit.Cur = uint64(f.n)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close() // ends acceptAll
	full := make(chan error, 1)
	wg.Go(func() { f.acceptAll(ctx, l, full) })
	var d net.Dialer
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for freed := false; ctx.Err() == nil; {
		c, err := d.DialContext(ctx, "tcp", l.Addr().String())
		switch {
		case err == nil:
			conns = append(conns, c)
		case !freed && len(conns) > 0:
			// Out of descriptors on this side. Where all that was dialed is accepted,
			// nothing waits for an accept that could fail: give one descriptor up, and
			// dial once more with it.
			freed = true
			conns[0].Close()
			conns = conns[1:]
			continue
		}
		if err != nil || freed {
			break
		}
	}
	select {
	case err := <-full:
		f.ready(fmt.Sprintf("%d descriptors are in use: %v", f.n, err), []string{
			`grep 'open files' /proc/"$PID"/limits`, `ls /proc/"$PID"/fd | wc -l`},
			"PORT", portOf(l.Addr()))
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}

// acceptAll sends the first error of Accept and goes on until l is closed.
func (f *fault) acceptAll(ctx context.Context, l net.Listener, full chan<- error) {
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
			default: // told already
			}
			if !wait(ctx, time.Second) {
				return
			}
		}
	}
}
