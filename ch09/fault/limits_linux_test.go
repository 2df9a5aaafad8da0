package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch09/fault/internal/running"
	"network-programming-with-go/ch09/internal/command"
)

// TestFaultLimits looks at limits of open files and at ignored signals, which a process
// inherits or sets itself.
func TestFaultLimits(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	for _, n := range []int{32, 40, 41} { // the last one is taken by a dial or by an accept
		t.Run(fmt.Sprint(n, " descriptors"), func(t *testing.T) { testFaultDescriptors(t, bin, n) })
	}
	t.Run("soft limit", func(t *testing.T) { testFaultSoftLimit(t, bin) })
	t.Run("nohup", func(t *testing.T) { testFaultNohup(t, bin) })
}

func testFaultDescriptors(t *testing.T, bin string, n int) {
	p := command.StartCmd(t, exec.Command(bin, "-n", strconv.Itoa(n), "descriptors"))
	f := running.New(t, p.Pid(), p.WaitLine(t, "PID="))
	if got := f.Field("limits", "Max open files"); got != n {
		t.Errorf("limit of open files = %d, want %d", got, n)
	}
	fds, err := os.ReadDir(filepath.Join("/proc", f.Vars["PID"], "fd"))
	if len(fds) < n { // what was open above the limit stays
		t.Errorf("%d descriptors, %v, want %d", len(fds), err, n)
	}
	own, peer := f.Sockets()
	if got, want := own["ESTAB"], peer["ESTAB"]-2; got < want || want < 1 {
		t.Errorf("%v: want about all of %v accepted", own, peer)
	}
	c, err := net.Dial("tcp", "127.0.0.1:"+f.Vars["PORT"])
	if err != nil {
		t.Fatalf("the kernel still makes connections: %v", err)
	}
	defer c.Close()
	// Standard error may arrive later than standard output, which has been waited for.
	got := p.WaitLine(t, fmt.Sprint(n, " descriptors are in use: accept"))
	if !strings.HasSuffix(got, "too many open files") {
		t.Errorf("it says %q, want that accept fails", got)
	}
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
}

// Go raises the soft limit of open files of a program that imports os, to just below the
// hard one.
func testFaultSoftLimit(t *testing.T, bin string) {
	limited := `ulimit -Sn 100 && ulimit -Hn 300 && exec "$0" refused`
	p := command.StartCmd(t, exec.Command("/bin/sh", "-c", limited, bin))
	f := running.New(t, p.Pid(), p.WaitLine(t, "PID="))
	if got := f.Field("limits", "Max open files"); got != 299 {
		t.Errorf("soft limit = %d, want 299, one less than the hard one", got)
	}
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
}

// nohup makes a fault ignore SIGHUP, so a closed terminal does not end it.
func testFaultNohup(t *testing.T, bin string) {
	p := command.StartCmd(t, exec.Command("/bin/sh", "-c", `trap "" HUP && exec "$0" refused`, bin))
	f := running.New(t, p.Pid(), p.WaitLine(t, "PID="))
	_, rest, _ := strings.Cut(f.Proc("status"), "SigIgn:")
	ignored, err := strconv.ParseUint(strings.Fields(rest + " none")[0], 16, 64)
	if err != nil || ignored&(1<<(syscall.SIGHUP-1)) == 0 {
		t.Errorf("ignored signals: %#x, %v, want SIGHUP among them", ignored, err)
	}
	f.Ended(p.Stop(t, syscall.SIGTERM).Status)
}
