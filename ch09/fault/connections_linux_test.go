package main_test

import (
	"errors"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch09/fault/internal/running"
	"network-programming-with-go/ch09/internal/command"
)

// TestFaultConnections looks at the sockets of faults as ss does, and dials them.
func TestFaultConnections(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	for _, tt := range []struct {
		name, args string
		look       func(*running.Fault)
	}{
		{"refused", "refused", faultRefused},
		{"timeout", "timeout", faultTimeout},
		{"close-wait", "-n 7 close-wait", faultCloseWait},
		{"time-wait", "-n 7 time-wait", faultTimeWait},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := command.StartCmd(t, exec.Command(bin, strings.Fields(tt.args)...))
			f := running.New(t, p.Pid(), p.WaitLine(t, "PID="))
			tt.look(f)
			f.Ended(p.Stop(t, syscall.SIGTERM).Status)
		})
	}
	t.Run("close-wait ends", func(t *testing.T) { testFaultCloseWaitEnds(t, bin) })
}

func faultRefused(f *running.Fault) {
	addr := "127.0.0.1:" + f.Vars["PORT"]
	if c, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		f.Errorf("Dial = %v, %v, want ECONNREFUSED", c, err)
	}
	if l, err := net.Listen("tcp", addr); !errors.Is(err, syscall.EADDRINUSE) {
		f.Errorf("Listen = %v, %v: another process can take the port", l, err)
	}
}

func faultTimeout(f *running.Fault) {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+f.Vars["PORT"], 50*time.Millisecond)
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		f.Errorf("Dial = %v, %v, want a timeout", c, err)
	}
	f.Until("dial that waits", func() bool {
		_, peer := f.Sockets()
		return peer["SYN-SENT"] > 0
	})
}

func faultCloseWait(f *running.Fault) {
	own, peer := f.Sockets()
	if own["CLOSE-WAIT"] != 7 || peer["FIN-WAIT"] != 7 {
		f.Errorf("this end: %v, want 7 in CLOSE-WAIT; peer: %v, want 7 in FIN-WAIT", own, peer)
	}
	if n := own["keep-alive"]; n > 0 {
		f.Errorf("keep-alive will end %d connections in CLOSE-WAIT", n)
	}
}

// What close-wait made ends with it, by resets.
func testFaultCloseWaitEnds(t *testing.T, bin string) {
	p := command.StartCmd(t, exec.Command(bin, "-n", "7", "close-wait"))
	f := running.New(t, p.Pid(), p.WaitLine(t, "PID="))
	own, peer := f.Sockets()
	before := own["TIME-WAIT"] + peer["TIME-WAIT"] // of a former owner of the port
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
	f.Until("end of CLOSE-WAIT and FIN-WAIT", func() bool { // resets may be under way
		own, peer = f.Sockets()
		return own["CLOSE-WAIT"]+peer["FIN-WAIT"] == 0
	})
	if n := own["TIME-WAIT"] + peer["TIME-WAIT"]; n > before {
		t.Errorf("%d sockets in TIME-WAIT, before the end %d", n, before)
	}
}

func faultTimeWait(f *running.Fault) { // the kernel drops them after 60 s
	f.Until("7 peers in TIME-WAIT", func() bool { // a FIN may be under way
		_, peer := f.Sockets()
		return peer["TIME-WAIT"] >= 7 // a former owner may add some
	})
	if own, _ := f.Sockets(); own["CLOSE-WAIT"] > 0 || own["LISTEN"] != 1 {
		f.Errorf("this end: %v, want the listener only", own)
	}
}
