package ch04_test

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch04/internal/command"
	"network-programming-with-go/ch04/internal/conns"
)

// proxyLogStop ends the proxy as a service manager would, and returns its log.
func proxyLogStop(t *testing.T, p *command.Process) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		return p.Stop(t, syscall.SIGKILL).Stderr
	}
	result := p.Stop(t, syscall.SIGTERM)
	if result.Status != 0 {
		t.Errorf("after SIGTERM: exit status %d, want 0", result.Status)
	}
	_, log, _ := strings.Cut(result.Stderr, "\n") // after the ready line
	return log
}

// What -monitor writes, and what happens if it is not read.
func TestProxyCommandMonitor(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, "./proxy")
	target, _ := conns.Responder(t)
	t.Run("log", func(t *testing.T) {
		t.Parallel()
		p := command.Start(t, bin, "-listen", "127.0.0.1:0", "-monitor", "-to", target)
		if response, err := conns.Ask(p.Addr, "hello\n"); response != "you said: hello\n" {
			t.Errorf("response %q, %v", response, err)
		}
		log := proxyLogStop(t, p)
		for _, want := range []string{`-> "hello\n"`, `<- "you said: hello\n"`} {
			if !strings.Contains(log, want) {
				t.Errorf("log %s lacks %s", log, want)
			}
		}
		t.Log(log)
	})

	start := func(t *testing.T) (p *exec.Cmd, addr string, stderr io.ReadCloser) {
		p = exec.Command(bin, "-listen", "127.0.0.1:0", "-monitor", "-to", target)
		stderr, err := p.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			p.Process.Kill() // fails if the test has ended it, as it should
			p.Wait()
		})
		if _, err := fmt.Fscanf(stderr, "listening on %s\n", &addr); err != nil {
			t.Fatal(err)
		}
		return p, addr, stderr
	}
	end := func(t *testing.T, p *exec.Cmd) {
		if runtime.GOOS == "windows" {
			return // no SIGTERM
		}
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if state, err := p.Process.Wait(); err != nil || !state.Success() {
			t.Errorf("after SIGTERM: %v, %v, want exit status 0", state, err)
		}
	}
	t.Run("closed pipe", func(t *testing.T) { // the next line is EPIPE
		t.Parallel()
		p, addr, stderr := start(t)
		stderr.Close()
		for range 3 {
			if response, err := conns.Ask(addr, "x"); response != "you said: x" {
				t.Errorf("response %q, %v", response, err)
			}
		}
		end(t, p)
	})
	t.Run("full pipe", func(t *testing.T) { // the next write would wait forever
		t.Parallel()
		p, addr, _ := start(t)
		request := strings.Repeat("x", 3<<20) // more than the pipe and the buffer take
		if response, err := conns.Ask(addr, request); response != "you said: "+request {
			t.Errorf("response of %d bytes, %v", len(response), err)
		}
		end(t, p)
	})
}
