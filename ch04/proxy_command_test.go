package ch04_test

import (
	"bufio"
	"bytes"
	"errors"
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
	cmd    *exec.Cmd
	addr   string
	stderr io.Closer
	log    bytes.Buffer  // what follows the ready line; read it after done
	done   chan struct{} // closed at the end of stderr
}

// proxyCommandRun starts the proxy and waits for its ready line.
func proxyCommandRun(t *testing.T, bin string, args ...string) *proxyCommand {
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
	p.addr, p.stderr = addr, stderr
	go func() {
		defer close(p.done)
		io.Copy(&p.log, r) // until the process ends
	}()
	return p
}

// stop ends the proxy as a service manager would, and returns its log.
func (p *proxyCommand) stop(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		p.cmd.Process.Kill()
		<-p.done
		return p.log.String()
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	return p.wait(t)
}

// wait is for the end after SIGTERM.
func (p *proxyCommand) wait(t *testing.T) string {
	t.Helper()
	<-p.done
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit status 0", err)
	}
	return p.log.String()
}

// proxyCommandTarget is a server that answers when it has read all, with what it read.
// It sends a value for each conn that it accepts.
func proxyCommandTarget(t *testing.T) (addr string, accepted chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = make(chan struct{}, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			select {
			case accepted <- struct{}{}:
			default: // nobody counts them any more
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
	return l.Addr().String(), accepted
}

// proxyCommandAsk sends a request, half-closes, and returns the whole answer.
func proxyCommandAsk(addr, request string) (string, error) {
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
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "proxy.exe") // Windows wants the suffix
	// go run keeps what it has linked, and has cp copy it; go build would link each time.
	build := exec.Command("go", "run", "-exec", "cp", "./proxy", bin)
	if runtime.GOOS == "windows" { // which has no cp
		build = exec.Command("go", "build", "-o", bin, "./proxy")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	// A pass is cached by the files that go test saw opened: let it see the command.
	if _, err := os.ReadDir("proxy"); err != nil {
		t.Fatal(err)
	}
	target, accepted := proxyCommandTarget(t)

	for args, tc := range map[string]struct {
		code int
		want string
	}{
		"-h":                         {0, "Example:"},
		"":                           {2, "proxy: -to is missing (try proxy -h)\n"},
		"-to localhost":              {2, "-to localhost: want HOST:PORT"},
		"-to localhost:65536":        {2, `-to localhost:65536: unknown port "65536"`},
		"-to :1 -listen nonsense":    {2, "-listen nonsense: want HOST:PORT"},
		"-to :1 -listen=":            {2, "-listen : want HOST:PORT"},
		"-to :1 -idle-timeout -1s":   {2, "-idle-timeout -1s: want 0 or more"},
		"-to :1 -dial-timeout 0":     {2, "-dial-timeout 0s: want more than 0"},
		"-to :1 extra":               {2, `unexpected argument "extra"`},
		"-to :1 -monitor -splice":    {2, "-monitor cannot see"},
		"-to :1 -no-such-flag":       {2, "flag provided but not defined"},
		"-to :1 -idle-timeout never": {2, "invalid value"},
		"-to :1 -listen " + target:   {1, "proxy: listen tcp " + target}, // it is in use
	} {
		t.Run("proxy "+args, func(t *testing.T) {
			out, err := exec.Command(bin, strings.Fields(args)...).CombinedOutput()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != tc.code || !strings.Contains(string(out), tc.want) {
				t.Errorf("proxy %s: exit status %d, %q, want %d and %q",
					args, code, out, tc.code, tc.want)
			}
		})
	}

	large := strings.Repeat("all of it ", 30<<10) // 300 KB
	for _, flags := range []string{"", "-idle-timeout 1m", "-splice", "-splice -idle-timeout 1m"} {
		t.Run("half-close and SIGTERM "+flags, func(t *testing.T) {
			p := proxyCommandRun(t, bin, append(strings.Fields(flags), "-to", target)...)
			for _, request := range []string{"x", large} {
				answer, err := proxyCommandAsk(p.addr, request)
				if err != nil || answer != "you said: "+request {
					t.Errorf("answer of %d bytes, %v, want %d", len(answer), err, len(request)+10)
				}
			}
			if log := p.stop(t); log != "" {
				t.Errorf("log: %s", log)
			}
		})
	}

	t.Run("SIGTERM in the middle of a request", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("no SIGTERM on Windows")
		}
		for len(accepted) > 0 {
			<-accepted // those of earlier tests
		}
		p := proxyCommandRun(t, bin, "-to", target)
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "first, ") // a failure shows in the answer
		<-accepted                      // the request has left the queue of the listener
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		for err == nil { // until the proxy accepts no more
			var another net.Conn
			if another, err = net.Dial("tcp", p.addr); err == nil {
				another.Close()
			}
		}
		io.WriteString(conn, "second")
		conn.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(conn); string(got) != "you said: first, second" || err != nil {
			t.Errorf("answer %q, %v", got, err)
		}
		p.wait(t)
	})

	t.Run("monitor", func(t *testing.T) {
		p := proxyCommandRun(t, bin, "-monitor", "-to", target)
		if answer, err := proxyCommandAsk(p.addr, "hello\n"); answer != "you said: hello\n" {
			t.Errorf("answer %q, %v", answer, err)
		}
		log := p.stop(t)
		for _, want := range []string{`-> "hello\n"`, `<- "you said: hello\n"`} {
			if !strings.Contains(log, want) {
				t.Errorf("log %s lacks %s", log, want)
			}
		}
		t.Log(log)
	})

	t.Run("log that nobody reads", func(t *testing.T) {
		p := proxyCommandRun(t, bin, "-monitor", "-to", target)
		p.stderr.Close() // its next line is EPIPE
		<-p.done
		for range 3 {
			if answer, err := proxyCommandAsk(p.addr, "x"); answer != "you said: x" {
				t.Errorf("answer %q, %v", answer, err)
			}
		}
		p.stop(t)
	})

	t.Run("target that does not answer", func(t *testing.T) {
		held, err := net.Dial("tcp", target) // has a port on which nobody can listen
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		for want, args := range map[string][]string{
			"refused": {"-dial-timeout", "100ms", "-to", held.LocalAddr().String()},
			"timeout": {"-dial-timeout", "1ns", "-to", target},
		} {
			p := proxyCommandRun(t, bin, args...)
			conn, err := net.Dial("tcp", p.addr) // under load it is the first to hear of a reset
			if err == nil {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure
				_, err = conn.Read(make([]byte, 1))
			}
			if err == nil || err == io.EOF {
				t.Errorf("%s: read %v, want a reset", want, err)
			}
			log := p.stop(t)
			if !strings.Contains(log, "connecting failed") || !strings.Contains(log, want) {
				t.Errorf("log %q does not say %q", log, want)
			}
		}
	})

	t.Run("idle timeout", func(t *testing.T) {
		p := proxyCommandRun(t, bin, "-idle-timeout", "50ms", "-to", target)
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if n, err := conn.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("idle conn read %d, %v, want a reset", n, err)
		}
		if log := p.stop(t); !strings.Contains(log, "idle connection ended") {
			t.Errorf("log %q does not say why", log)
		}
	})
}
