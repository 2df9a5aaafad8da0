package main_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch09/internal/command"
)

// TestFaultLinux looks at each fault through /proc, as the commands of the page do.
func TestFaultLinux(t *testing.T) {
	t.Parallel()
	bin := command.Build(t, ".")
	for _, tt := range []struct {
		name, args string
		look       func(*runningFault)
		end        os.Signal
	}{
		{"cpu", "-n 1 cpu", faultCPU, syscall.SIGTERM},
		{"memory", "-size 32 memory", faultMemory, os.Interrupt},
		{"disk-io", "-for 5m -size 1 disk-io", faultDiskIO, syscall.SIGTERM},
		{"disk-full", "-size 1 disk-full", faultDiskFull, syscall.SIGHUP},
		{"deleted-file", "-size 1 deleted-file", faultDeletedFile, os.Interrupt},
		{"serve", "serve", faultServe, syscall.SIGTERM},
		{"refused", "refused", faultRefused, syscall.SIGTERM},
		{"timeout", "timeout", faultTimeout, syscall.SIGTERM},
		{"close-wait", "-n 7 close-wait", faultCloseWait, syscall.SIGTERM},
		{"time-wait", "-n 7 time-wait", faultTimeWait, syscall.SIGTERM},
		{"descriptors", "-n 40 descriptors", faultDescriptors, syscall.SIGTERM},
		{"fewest descriptors", "-n 32 descriptors", faultFewDescriptors, syscall.SIGTERM},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := startFault(t, exec.Command(bin, strings.Fields(tt.args)...))
			tt.look(r)
			r.stop(tt.end)
		})
	}
	t.Run("close-wait ends", func(t *testing.T) { testFaultCloseWaitEnds(t, bin) })
	t.Run("soft limit", func(t *testing.T) { testFaultSoftLimit(t, bin) })
	t.Run("nohup", func(t *testing.T) { testFaultNohup(t, bin) })
}

// Go raises the soft limit of open files of a program that imports os, to just below the
// hard one.
func testFaultSoftLimit(t *testing.T, bin string) {
	limited := `ulimit -Sn 100 && ulimit -Hn 300 && exec "$0" refused`
	r := startFault(t, exec.Command("/bin/sh", "-c", limited, bin))
	if got := r.field("limits", "Max open files"); got != 299 {
		t.Errorf("soft limit = %d, want 299, one less than the hard one", got)
	}
	r.stop(syscall.SIGTERM)
}

// nohup makes a fault ignore SIGHUP, so a closed terminal does not end it.
func testFaultNohup(t *testing.T, bin string) {
	r := startFault(t, exec.Command("/bin/sh", "-c", `trap "" HUP && exec "$0" refused`, bin))
	_, rest, _ := strings.Cut(r.proc("status"), "SigIgn:")
	ignored, err := strconv.ParseUint(strings.Fields(rest + " none")[0], 16, 64)
	if err != nil || ignored&(1<<(syscall.SIGHUP-1)) == 0 {
		t.Errorf("ignored signals: %#x, %v, want SIGHUP among them", ignored, err)
	}
	r.stop(syscall.SIGTERM)
}

// runningFault is a fault that has said it exists.
type runningFault struct {
	*testing.T
	start   time.Time
	process *command.Process
	vars    map[string]string
}

// startFault runs cmd and reads its variables.
func startFault(t *testing.T, cmd *exec.Cmd) *runningFault {
	t.Helper()
	r := &runningFault{T: t, start: time.Now(), vars: map[string]string{}}
	r.process = command.StartCmd(t, cmd)
	for f := range strings.FieldsSeq(r.process.WaitLine(t, "PID=")) {
		k, v, _ := strings.Cut(f, "=")
		r.vars[k] = v
	}
	if got, want := r.vars["PID"], strconv.Itoa(r.process.Pid()); got != want {
		t.Errorf("PID=%s, want %s", got, want)
	}
	return r
}

// stop ends the fault by sig and checks that it exits with 0 and its files are gone.
func (r *runningFault) stop(sig os.Signal) {
	r.Helper()
	r.process.Signal(r.T, sig)
	r.ends("after " + sig.String())
}

func (r *runningFault) ends(when string) {
	r.Helper()
	if got := r.process.Wait(r.T); got.Status != 0 {
		r.Errorf("%s: %+v, want exit status 0", when, got)
	}
	if dir := r.vars["DIR"]; dir != "" {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			r.Errorf("%s %s: %v, want it gone", dir, when, err)
		}
	}
}

// proc reads a file of the fault under /proc.
func (r *runningFault) proc(name string) string {
	r.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", r.vars["PID"], name))
	if err != nil {
		r.Fatal(err)
	}
	return string(b)
}

// field returns the first number after key in a file of the fault under /proc.
func (r *runningFault) field(name, key string) int {
	r.Helper()
	_, rest, _ := strings.Cut(r.proc(name), key)
	n, err := strconv.Atoi(strings.Fields(rest + " none")[0])
	if err != nil {
		r.Fatalf("/proc/PID/%s after %q: %v", name, key, err)
	}
	return n
}

// until calls ok every 10 ms until it returns true: /proc has no events to wait for.
func (r *runningFault) until(what string, ok func() bool) {
	r.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !ok(); <-tick.C {
		if time.Since(start) > 10*time.Second {
			r.Fatalf("no %s after 10 s", what)
		}
	}
}

// grows waits until the result of value has grown by at least by.
func (r *runningFault) grows(what string, by int, value func() int) {
	r.Helper()
	first := value()
	r.until("growth of "+what, func() bool { return value() >= first+by })
}

// sockets counts, by state, the TCP sockets whose own port or peer's port is the fault's.
// /proc/net/tcp has the states as the kernel numbers them, include/net/tcp_states.h.
func (r *runningFault) sockets() (own, peer map[string]int) {
	r.Helper()
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		r.Fatal(err)
	}
	port, err := strconv.Atoi(r.vars["PORT"])
	if err != nil {
		r.Fatal(err)
	}
	end := fmt.Sprintf(":%04X", port)
	names := map[string]string{"02": "SYN-SENT", "04": "FIN-WAIT", "05": "FIN-WAIT",
		"06": "TIME-WAIT", "08": "CLOSE-WAIT", "0A": "LISTEN"}
	own, peer = map[string]int{}, map[string]int{}
	seen := map[string]bool{} // the table changes while it is read: a line may come again
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line) // number, local and remote address, state
		pair := f[1] + f[2]
		if seen[pair] {
			continue
		}
		seen[pair] = true
		if strings.HasSuffix(f[1], end) {
			own[names[f[3]]]++
			own["keep-alive"] += strings.Count(f[5][:2], "02") // a timer that runs
		}
		if strings.HasSuffix(f[2], end) {
			peer[names[f[3]]]++
		}
	}
	return own, peer
}

func faultCPU(r *runningFault) {
	r.grows("user time", 2, func() int {
		// Fields after the name in parentheses: utime is the 14th of all.
		_, rest, _ := strings.Cut(r.proc("stat"), ") ")
		n, _ := strconv.Atoi(strings.Fields(rest)[11]) // 0 does not grow
		return n
	})
}

func faultMemory(r *runningFault) {
	if got, want := r.field("status", "VmRSS:"), 32<<10; got < want {
		r.Errorf("VmRSS = %d kB, want at least %d", got, want)
	}
}

func faultDiskIO(r *runningFault) {
	const blocks = 500 // of the 2 GiB in 5 minutes: not sooner than after 286 ms
	r.grows("bytes written", blocks<<12, func() int { return r.field("io", "wchar:") })
	if got, want := time.Since(r.start), 5*time.Minute*blocks/(2<<30>>12); got < want {
		r.Errorf("%d blocks written in %v, want at least %v", blocks, got, want)
	}
	if st, err := os.Stat(r.vars["DIR"] + "/synced"); err != nil || st.Size() != 1<<20 {
		r.Errorf("the file: %v, %v, want 1 MiB", st, err)
	}
}

func faultDiskFull(r *runningFault) {
	for _, tt := range []struct {
		name    string
		length  int64
		written bool // in blocks of its own, not sparse
	}{{"big.log", 1 << 20, true}, {"sparse.img", 200 << 20, false}} {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(r.vars["DIR"], tt.name), &st); err != nil {
			r.Fatal(err)
		}
		if full := st.Blocks*512 >= st.Size; st.Size != tt.length || full != tt.written {
			r.Errorf("%s has %d bytes in %d blocks", tt.name, st.Size, st.Blocks)
		}
	}
	if files, err := os.ReadDir(r.vars["DIR"] + "/many"); len(files) != 100 {
		r.Errorf("%d small files, %v, want 100", len(files), err)
	}
	conf, err := os.ReadFile(r.vars["DIR"] + "/logrotate.conf")
	if want := `"` + r.vars["DIR"] + "/big.log\" {\n\tsize 100M\n"; !strings.HasPrefix(string(conf), want) {
		r.Errorf("logrotate.conf is %q, %v, want %q", conf, err, want)
	}
}

func faultDeletedFile(r *runningFault) {
	fd := filepath.Join("/proc", r.vars["PID"], "fd", r.vars["FD"])
	name, err := os.Readlink(fd)
	if err != nil || name != r.vars["DIR"]+"/app.log (deleted)" {
		r.Errorf("%s is %q, %v, want app.log (deleted)", fd, name, err)
	}
	if st, err := os.Stat(fd); err != nil || st.Size() != 1<<20 {
		r.Errorf("%s: %v, %v, want 1 MiB", fd, st, err)
	}
}

func faultServe(r *runningFault) { // it has traffic without any client
	r.until("request from itself", func() bool { own, _ := r.sockets(); return own["TIME-WAIT"] > 0 })
}

func faultRefused(r *runningFault) {
	addr := "127.0.0.1:" + r.vars["PORT"]
	if c, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		r.Errorf("Dial = %v, %v, want ECONNREFUSED", c, err)
	}
	if l, err := net.Listen("tcp", addr); !errors.Is(err, syscall.EADDRINUSE) {
		r.Errorf("Listen = %v, %v: another process can take the port", l, err)
	}
}

func faultTimeout(r *runningFault) {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+r.vars["PORT"], 50*time.Millisecond)
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		r.Errorf("Dial = %v, %v, want a timeout", c, err)
	}
	r.until("dial that waits", func() bool { _, peer := r.sockets(); return peer["SYN-SENT"] > 0 })
}

func faultCloseWait(r *runningFault) {
	own, peer := r.sockets()
	if own["CLOSE-WAIT"] != 7 || peer["FIN-WAIT"] != 7 {
		r.Errorf("this end: %v, want 7 in CLOSE-WAIT; peer: %v, want 7 in FIN-WAIT", own, peer)
	}
	if n := own["keep-alive"]; n > 0 {
		r.Errorf("keep-alive will end %d connections in CLOSE-WAIT", n)
	}
}

// What close-wait made ends with it, by resets.
func testFaultCloseWaitEnds(t *testing.T, bin string) {
	r := startFault(t, exec.Command(bin, "-n", "7", "close-wait"))
	own, peer := r.sockets()
	before := own["TIME-WAIT"] + peer["TIME-WAIT"] // of a former owner of the port
	r.stop(syscall.SIGTERM)
	r.until("end of CLOSE-WAIT and FIN-WAIT", func() bool { // resets may be under way
		own, peer = r.sockets()
		return own["CLOSE-WAIT"]+peer["FIN-WAIT"] == 0
	})
	if n := own["TIME-WAIT"] + peer["TIME-WAIT"]; n > before {
		r.Errorf("%d sockets in TIME-WAIT, before the end %d", n, before)
	}
}

func faultTimeWait(r *runningFault) { // the kernel drops them after 60 s
	if _, peer := r.sockets(); peer["TIME-WAIT"] < 7 { // a former owner may add some
		r.Errorf("peer: %v, want 7 in TIME-WAIT", peer)
	}
}

func faultDescriptors(r *runningFault) {
	if got := r.field("limits", "Max open files"); got != 40 {
		r.Errorf("limit of open files = %d, want 40", got)
	}
	fds, err := os.ReadDir(filepath.Join("/proc", r.vars["PID"], "fd"))
	if len(fds) < 40 { // what was open above the limit stays
		r.Errorf("%d descriptors, %v, want 40", len(fds), err)
	}
	c, err := net.Dial("tcp", "127.0.0.1:"+r.vars["PORT"])
	if err != nil {
		r.Fatalf("the kernel still makes connections: %v", err)
	}
	defer c.Close()
	// Standard error may arrive later than standard output, which startFault has waited for.
	got := r.process.WaitLine(r.T, "40 descriptors are in use: accept")
	if !strings.HasSuffix(got, "too many open files") {
		r.Errorf("it says %q, want that accept fails", got)
	}
}

func faultFewDescriptors(r *runningFault) {
	if got := r.field("limits", "Max open files"); got != 32 {
		r.Errorf("limit of open files = %d, want 32", got)
	}
}
