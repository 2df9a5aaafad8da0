package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// proxyCommand is a running proxy.
type proxyCommand struct {
	cmd  *exec.Cmd
	addr string
	log  bytes.Buffer  // what follows the ready line; read it after done
	done chan struct{} // closed at the end of stderr
}

// proxyRun starts the proxy and waits for its ready line.
func proxyRun(t *testing.T, bin string, args ...string) *proxyCommand {
	t.Helper()
	p := &proxyCommand{done: make(chan struct{})}
	p.cmd = exec.Command(bin, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
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
		defer close(p.done)
		io.Copy(&p.log, r) // until the process ends
	}()
	return p
}

// stop ends the proxy as a service manager would.
func (p *proxyCommand) stop(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		p.cmd.Process.Kill()
		<-p.done
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	<-p.done
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
}

// proxyTarget is a server that answers when it has read all, with what it read.
func proxyTarget(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			wg.Go(func() {
				defer conn.Close()
				if request, err := io.ReadAll(conn); err == nil {
					conn.Write(append([]byte("you said: "), request...)) // the test reads it
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// proxyAsk sends a request, half-closes, and returns the whole answer.
func proxyAsk(addr, request string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure
	io.WriteString(conn, request)                      // a failure shows in the answer
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestProxyCommand(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "proxy.exe") // Windows wants the suffix
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}

	for args, want := range map[string]string{
		"":                           "proxy: -to is missing (try proxy -h)\n",
		"-to localhost":              "missing port",
		"-to :1 -idle-timeout -1s":   "-idle-timeout -1s: want 0 or more",
		"-to :1 -dial-timeout 0":     "-dial-timeout 0s: want more than 0",
		"-to :1 extra":               `unexpected argument "extra"`,
		"-to :1 -monitor -splice":    "-monitor cannot see",
		"-to :1 -no-such-flag":       "flag provided but not defined",
		"-to :1 -idle-timeout never": "invalid value",
	} {
		t.Run("wrong use/"+args, func(t *testing.T) {
			out, err := exec.Command(bin, strings.Fields(args)...).CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), want) {
				t.Errorf("proxy %s: %v, %q, want exit status 2 and %q", args, err, out, want)
			}
		})
	}

	t.Run("help", func(t *testing.T) {
		out, err := exec.Command(bin, "-h").Output()
		if err != nil || !strings.Contains(string(out), "Example:") {
			t.Errorf("proxy -h: %v, %q", err, out)
		}
	})

	t.Run("address in use", func(t *testing.T) {
		target := proxyTarget(t)
		out, err := exec.Command(bin, "-listen", target, "-to", target).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
			t.Errorf("proxy: %v, %q, want exit status 1", err, out)
		}
	})

	large := strings.Repeat("all of it ", 300<<10) // 3 MB
	for _, flags := range []string{"", "-idle-timeout 1m", "-splice", "-splice -idle-timeout 1m"} {
		t.Run("half-close and SIGTERM "+flags, func(t *testing.T) {
			p := proxyRun(t, bin, append(strings.Fields(flags), "-to", proxyTarget(t))...)
			for _, request := range []string{"x", large} {
				answer, err := proxyAsk(p.addr, request)
				if err != nil || answer != "you said: "+request {
					t.Errorf("answer of %d bytes, %v, want %d", len(answer), err, len(request)+10)
				}
			}
			p.stop(t)
			if p.log.Len() > 0 {
				t.Errorf("log: %s", &p.log)
			}
		})
	}

	t.Run("monitor", func(t *testing.T) {
		p := proxyRun(t, bin, "-monitor", "-to", proxyTarget(t))
		if answer, err := proxyAsk(p.addr, "hello\n"); answer != "you said: hello\n" {
			t.Errorf("answer %q, %v", answer, err)
		}
		p.stop(t)
		for _, want := range []string{`-> "hello\n"`, `<- "you said: hello\n"`} {
			if !strings.Contains(p.log.String(), want) {
				t.Errorf("log %s lacks %s", &p.log, want)
			}
		}
		t.Log(p.log.String())
	})

	t.Run("target that refuses", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		p := proxyRun(t, bin, "-dial-timeout", "100ms", "-to", l.Addr().String())
		if answer, err := proxyAsk(p.addr, "x"); err == nil {
			t.Errorf("answer %q, want a reset", answer)
		}
		p.stop(t)
		if !strings.Contains(p.log.String(), "connecting failed") {
			t.Errorf("log %q does not say why", &p.log)
		}
	})

	t.Run("idle timeout", func(t *testing.T) {
		p := proxyRun(t, bin, "-idle-timeout", "50ms", "-to", proxyTarget(t))
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n, err := conn.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("idle conn read %d, %v, want a reset", n, err)
		}
		p.stop(t)
		if !strings.Contains(p.log.String(), "idle connection ended") {
			t.Errorf("log %q does not say why", &p.log)
		}
	})
}

// Many clients, half of them rude: no socket is left, at either side. Then more than
// the process may open: the proxy has to survive that.
func TestProxyCommandCrowd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts descriptors in /proc")
	}
	bin := filepath.Join(t.TempDir(), "proxy")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	target := proxyTarget(t)
	sockets := func(p *proxyCommand) (n int) {
		dir := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
		fds, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil &&
				strings.HasPrefix(to, "socket:") {
				n++
			}
		}
		return n
	}
	crowd := func(p *proxyCommand, clients int) {
		for i := range clients {
			conn, err := net.Dial("tcp", p.addr)
			if errors.Is(err, syscall.ECONNRESET) {
				continue // turned away while Dial still looked: the proxy's right too
			} else if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, "x") // a failure is the proxy's right here
			if i%2 == 0 {
				conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			}
		}
	}
	settle := func(p *proxyCommand, want int) {
		for end := time.Now().Add(20 * time.Second); sockets(p) > want; {
			if time.Now().After(end) {
				t.Fatalf("%d sockets left, want %d", sockets(p), want)
			}
			if _, err := proxyAsk(p.addr, "still alive"); err != nil {
				t.Logf("meanwhile: %v", err)
			}
		}
	}

	t.Run("rude clients", func(t *testing.T) {
		p := proxyRun(t, bin, "-to", target)
		before := sockets(p)
		crowd(p, 300)
		settle(p, before)
		p.stop(t)
	})
	t.Run("out of descriptors", func(t *testing.T) {
		sh := exec.Command("sh", "-c", "ulimit -n 30").Run()
		if sh != nil {
			t.Skip("no ulimit here:", sh)
		}
		script := filepath.Join(t.TempDir(), "limited")
		text := "#!/bin/sh\nulimit -n 30\nexec " + bin + ` "$@"` + "\n"
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		p := proxyRun(t, script, "-to", target)
		before := sockets(p)
		crowd(p, 60)
		settle(p, before)
		// Some of the crowd may still wait in the queue of the listener: ask again.
		for end := time.Now().Add(20 * time.Second); ; {
			answer, err := proxyAsk(p.addr, "x")
			if err == nil && answer == "you said: x" {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("after the crowd: answer %q, %v", answer, err)
			}
		}
		p.stop(t)
		if !strings.Contains(p.log.String(), "too many open files") {
			t.Error("the limit was never reached: the test shows nothing")
		}
		t.Logf("%d lines of log, the first: %.150s", bytes.Count(p.log.Bytes(), []byte("\n")), &p.log)
	})
}
