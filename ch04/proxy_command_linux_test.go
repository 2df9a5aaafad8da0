package ch04_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// proxyCrowd is a running proxy, and the server that it leads to.
type proxyCrowd struct {
	cmd   *exec.Cmd
	addr  string
	log   chan string   // what follows the ready line, once the proxy has ended
	conns atomic.Int32  // of the server
	ended chan struct{} // a value for each conn of the server that has ended
}

// proxyCrowdStart starts both.
func proxyCrowdStart(t *testing.T, bin string) *proxyCrowd {
	t.Helper()
	p := &proxyCrowd{log: make(chan string, 1), ended: make(chan struct{}, 1000)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() { p.serve(l, &wg) })

	p.cmd = exec.Command(bin, "-listen", "127.0.0.1:0", "-to", l.Addr().String())
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill() // fails if the test has ended it, as it should
		p.cmd.Wait()
	})
	r := bufio.NewReader(stderr)
	line, err := r.ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("ready line %q, %v", line, err)
	}
	p.addr = addr
	go func() {
		log, _ := io.ReadAll(r) // until the process ends
		p.log <- string(log)
	}()
	return p
}

// serve answers when it has read all.
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
		conn, err := net.Dial("tcp", p.addr)
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

// settle waits until the crowd has left no socket behind and the proxy answers again,
// which it may do late: some of the crowd still wait in the queue of its listener.
func (p *proxyCrowd) settle(t *testing.T, want int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		for p.conns.Load() > 0 {
			<-p.ended
		}
		answer, err := p.ask()
		if err == nil && answer == "yes" && p.sockets(t) <= want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d sockets, want %d; answer %q, %v", p.sockets(t), want, answer, err)
		}
	}
}

// ask sends a request, half-closes, and returns the whole answer.
func (p *proxyCrowd) ask() (string, error) {
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second)) // bounds a failure
	io.WriteString(conn, "still alive?")               // a failure shows in the answer
	conn.(*net.TCPConn).CloseWrite()                   // likewise
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// sockets counts those that the proxy has open.
func (p *proxyCrowd) sockets(t *testing.T) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
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
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	log := <-p.log
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
	return log
}

func TestProxyCommandCrowd(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "proxy")
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./proxy", bin)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("proxy"); err != nil {
		t.Fatal(err)
	}

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
