package ch04_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch04/internal/command"
	"network-programming-with-go/ch04/internal/conns"
)

// proxyCrowd is a running proxy, and the server that it leads to.
type proxyCrowd struct {
	*command.Process
	conns atomic.Int32  // of the server
	ended chan struct{} // a value for each conn of the server that has ended
}

// proxyCrowdStart starts both.
func proxyCrowdStart(t *testing.T, bin string) *proxyCrowd {
	t.Helper()
	p := &proxyCrowd{ended: make(chan struct{}, 1000)}
	l := conns.Listen(t)
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() { p.serve(l, &wg) })
	p.Process = command.Start(t, bin, "-listen", "127.0.0.1:0", "-to", l.Addr().String())
	return p
}

// serve responds when it has read all.
func (p *proxyCrowd) serve(l net.Listener, wg *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the test is over
		}
		p.conns.Add(1)
		wg.Go(func() {
			if _, err := io.Copy(io.Discard, conn); err == nil {
				io.WriteString(conn, "yes") // most of the crowd have gone by now
			}
			conn.Close()
			p.conns.Add(-1)
			p.ended <- struct{}{}
		})
	}
}

// come connects many clients at once. If they are rude, each second one resets.
func (p *proxyCrowd) come(t *testing.T, clients int, rude bool) {
	t.Helper()
	for i := range clients {
		conn, err := net.Dial("tcp", p.Addr)
		if errors.Is(err, syscall.ECONNRESET) {
			continue // turned away while Dial still looked: the proxy's right too
		} else if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "x") // a failure is the proxy's right here
		if rude && i%2 == 0 {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	}
}

// settle waits until the crowd has left no socket behind and the proxy responds again,
// which it may do late: some of the crowd still wait in the queue of its listener.
func (p *proxyCrowd) settle(t *testing.T, want int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		for p.conns.Load() > 0 {
			<-p.ended
		}
		response, err := conns.Ask(p.Addr, "still alive?")
		if err == nil && response == "yes" && p.sockets(t) <= want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d sockets, want %d; response %q, %v", p.sockets(t), want, response, err)
		}
	}
}

// sockets counts those that the proxy has open.
func (p *proxyCrowd) sockets(t *testing.T) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.Pid())
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// stop ends the proxy as a service manager would, and returns its log.
func (p *proxyCrowd) stop(t *testing.T) string {
	t.Helper()
	result := p.Stop(t, syscall.SIGTERM)
	if result.Status != 0 {
		t.Errorf("after SIGTERM: exit status %d, want 0", result.Status)
	}
	return result.Stderr
}

func TestProxyCommandCrowd(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, "./proxy")
	rude := proxyCrowdStart(t, bin)
	before := rude.sockets(t)
	rude.come(t, 100, true) // what they leave takes ch04.ProxyGrace to end
	// More than the process may open: the proxy has to survive that.
	t.Run("out of descriptors", func(t *testing.T) {
		script := filepath.Join(t.TempDir(), "limited")
		text := "#!/bin/sh\nulimit -n 20 || exit 1\nexec " + bin + ` "$@"` + "\n"
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		p := proxyCrowdStart(t, script)
		before := p.sockets(t)
		p.come(t, 40, false)
		p.settle(t, before)
		log := p.stop(t)
		if !strings.Contains(log, "too many open files") {
			t.Error("the limit was never reached: the test shows nothing")
		}
		lines := strings.Count(log, "\n")
		if lines > 1000 {
			t.Errorf("%d lines of log: the proxy does not pause", lines)
		}
		t.Logf("%d lines of log, the first: %.150s", lines, log)
	})
	t.Run("rude clients", func(t *testing.T) {
		rude.settle(t, before)
		rude.stop(t)
	})
}
