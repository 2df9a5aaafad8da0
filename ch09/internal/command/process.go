package command

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Copy with: command.go.

// Process is a command that runs. It is killed at the end of the test if it still does.
type Process struct {
	Addr string // what followed "listening on "; set by Start

	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has ended and its output was read
	stdout output
	stderr output

	mu      sync.Mutex    // guards the rest and what is in stdout and stderr
	lines   []string      // whole lines of both that WaitLine has not returned
	changed chan struct{} // closed and replaced with each write
}

// Start starts a server and waits until it says "listening on ADDRESS".
func Start(t testing.TB, program string, args ...string) *Process {
	t.Helper()
	p := StartCmd(t, exec.Command(program, args...))
	p.Addr = strings.TrimPrefix(p.WaitLine(t, "listening on "), "listening on ")
	return p
}

// StartCmd starts cmd and waits for nothing.
func StartCmd(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{cmd: cmd, ended: make(chan struct{}), changed: make(chan struct{})}
	p.stdout.process, p.stderr.process = p, p
	if cmd.Stdout == nil {
		cmd.Stdout = &p.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.stderr
	}
	cmd.WaitDelay = limit // in case a child of it holds the pipes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		cmd.Wait() // the status is in ProcessState
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() // an error means that it has ended
		<-p.ended
	})
	return p
}

// Pid returns the process ID.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stdout returns what the process has written to standard output until now.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what the process has written to standard error until now.
func (p *Process) Stderr() string { return p.stderr.String() }

// WaitLine waits for a line of standard output or standard error that contains text, and
// returns it without the newline. Lines that came before the call count, but no line is
// returned twice.
func (p *Process) WaitLine(t testing.TB, text string) string {
	t.Helper()
	timeout := time.After(limit)
	for ended := false; ; {
		p.mu.Lock()
		changed := p.changed
		for i, line := range p.lines {
			if strings.Contains(line, text) {
				p.lines = append(p.lines[:i], p.lines[i+1:]...)
				p.mu.Unlock()
				return line
			}
		}
		p.mu.Unlock()
		if ended {
			t.Fatalf("%v ended with status %d and without a line with %q:\n%s%s",
				p.cmd, p.cmd.ProcessState.ExitCode(), text, p.Stdout(), p.Stderr())
		}
		select {
		case <-changed:
		case <-p.ended:
			ended = true
		case <-timeout:
			t.Fatalf("%v: no line with %q after %v:\n%s%s", p.cmd, text, limit, p.Stdout(), p.Stderr())
		}
	}
}

// Signal sends a signal to the process. Windows has only os.Kill.
func (p *Process) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("%v: %v: %v", p.cmd, signal, err)
	}
}

// Wait waits until the process ends.
func (p *Process) Wait(t testing.TB) Result {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		t.Fatalf("%v still runs after %v:\n%s%s", p.cmd, limit, p.Stdout(), p.Stderr())
	}
	return Result{p.cmd.ProcessState.ExitCode(), p.Stdout(), p.Stderr()}
}

// Stop sends a signal, such as syscall.SIGTERM, and waits until the process ends.
func (p *Process) Stop(t testing.TB, signal os.Signal) Result {
	t.Helper()
	p.Signal(t, signal)
	return p.Wait(t)
}

// output is what came from one of the streams.
type output struct {
	process *Process
	all     bytes.Buffer
	line    []byte // the last, without its end as yet
}

func (o *output) Write(b []byte) (int, error) {
	p := o.process
	p.mu.Lock()
	defer p.mu.Unlock()
	o.all.Write(b) // a Buffer does not fail
	o.line = append(o.line, b...)
	for {
		line, rest, whole := bytes.Cut(o.line, []byte("\n"))
		if !whole {
			break
		}
		p.lines = append(p.lines, strings.TrimSuffix(string(line), "\r"))
		o.line = rest
	}
	close(p.changed)
	p.changed = make(chan struct{})
	return len(b), nil
}

func (o *output) String() string {
	o.process.mu.Lock()
	defer o.process.mu.Unlock()
	return o.all.String()
}
