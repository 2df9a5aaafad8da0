package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running is a fault that has said it exists.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	vars map[string]string
	says *bytes.Buffer
}

// start runs fault with args and reads its variables.
func start(t *testing.T, bin string, args ...string) *running {
	t.Helper()
	r := &running{t: t, cmd: exec.Command(bin, args...), vars: map[string]string{}}
	r.says = new(bytes.Buffer)
	r.cmd.Stderr = r.says
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() }) // error: it has ended, as it should
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		r.cmd.Wait() // its error adds nothing to what stderr says
		t.Fatalf("fault %v: no variables: %v\n%s", args, err, r.says)
	}
	for f := range strings.FieldsSeq(line) {
		k, v, _ := strings.Cut(f, "=")
		r.vars[k] = v
	}
	if got, want := r.vars["PID"], strconv.Itoa(r.cmd.Process.Pid); got != want {
		t.Errorf("PID=%s, want %s", got, want)
	}
	t.Logf("fault %s: %s", strings.Join(args, " "), strings.TrimSpace(line))
	return r
}

// stop ends the fault by sig and checks that it ends well and its files are gone.
func (r *running) stop(sig os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("after %v: %v\n%s", sig, err, r.says)
	}
	if dir := r.vars["DIR"]; dir != "" {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			r.t.Errorf("%s after the end: %v, want it gone", dir, err)
		}
	}
}

// proc reads a file of the fault under /proc.
func (r *running) proc(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", r.vars["PID"], name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// field returns the first number after key in a file of the fault under /proc.
func (r *running) field(name, key string) int {
	r.t.Helper()
	_, rest, _ := strings.Cut(r.proc(name), key)
	f := strings.Fields(rest)
	if len(f) == 0 {
		r.t.Fatalf("/proc/PID/%s has no %q", name, key)
	}
	n, err := strconv.Atoi(f[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// until waits for what ok reports.
func (r *running) until(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			r.t.Fatalf("no %s after 10 s", what)
		}
	}
}

// grows waits until what value returns has grown by more than by.
func (r *running) grows(what string, by int, value func() int) {
	r.t.Helper()
	first := value()
	r.until("growth of "+what, func() bool { return value() > first+by })
}

// sockets counts the lines of /proc/net/tcp in a state, as numbered by the kernel
// (include/net/tcp_states.h), whose local or remote port is the fault's.
func (r *running) sockets(state string, remote bool) int {
	r.t.Helper()
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		r.t.Fatal(err)
	}
	port, _ := strconv.Atoi(r.vars["PORT"]) // 0 matches nothing
	suffix, n := fmt.Sprintf(":%04X", port), 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		end := f[1]
		if remote {
			end = f[2]
		}
		if f[3] == state && strings.HasSuffix(end, suffix) {
			n++
		}
	}
	return n
}

const (
	stateFinWait2  = "05"
	stateTimeWait  = "06"
	stateCloseWait = "08"
)

func TestFaultInProc(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "fault")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for name, test := range map[string]func(*testing.T, string){
		"cpu": procCPU, "memory": procMemory, "disk-io": procDiskIO,
		"disk-full": procDiskFull, "deleted-file": procDeletedFile,
		"refused": procRefused, "timeout": procTimeout, "close-wait": procCloseWait,
		"time-wait": procTimeWait, "descriptors": procDescriptors,
	} {
		t.Run(name, func(t *testing.T) { test(t, bin) })
	}
}

// TestSoftLimit shows that a Go program that imports os raises its soft limit of open
// files to just below the hard one when it starts.
func TestSoftLimit(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "fault")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	limited := `ulimit -Sn 100 && ulimit -Hn 300 && exec "$0" -n 1 cpu`
	r := start(t, "/bin/sh", "-c", limited, bin)
	if got := r.field("limits", "Max open files"); got < 299 {
		t.Errorf("soft limit = %d, want 299, one less than the hard one", got)
	}
	r.stop(syscall.SIGTERM)
}

func procCPU(t *testing.T, bin string) {
	r := start(t, bin, "-n", "1", "cpu")
	r.grows("user time", 5, func() int {
		// Fields after the name in parentheses: utime is the 14th of all.
		_, rest, _ := strings.Cut(r.proc("stat"), ") ")
		n, _ := strconv.Atoi(strings.Fields(rest)[11]) // 0 does not grow
		return n
	})
	r.stop(syscall.SIGTERM)
}

func procMemory(t *testing.T, bin string) {
	r := start(t, bin, "-size", "48", "memory")
	if got, want := r.field("status", "VmRSS:"), 48<<10; got < want {
		t.Errorf("VmRSS = %d kB, want at least %d", got, want)
	}
	r.stop(os.Interrupt)
}

func procDiskIO(t *testing.T, bin string) {
	r := start(t, bin, "-size", "1", "disk-io")
	r.grows("write calls", 20, func() int { return r.field("io", "syscw:") })
	if st, err := os.Stat(r.vars["DIR"] + "/synced"); err != nil || st.Size() != 1<<20 {
		t.Errorf("the file: %v, %v, want 1 MiB", st, err)
	}
	r.stop(syscall.SIGTERM)
}

func procDiskFull(t *testing.T, bin string) {
	r := start(t, bin, "-size", "8", "-dir", t.TempDir(), "disk-full")
	for name, want := range map[string]struct {
		length  int64
		written bool // in blocks of its own, not sparse
	}{"big.log": {8 << 20, true}, "sparse.img": {200 << 20, false}} {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(r.vars["DIR"], name), &st); err != nil {
			t.Fatal(err)
		}
		if full := st.Blocks*512 >= st.Size; st.Size != want.length || full != want.written {
			t.Errorf("%s has %d bytes in %d blocks", name, st.Size, st.Blocks)
		}
	}
	if files, err := os.ReadDir(r.vars["DIR"] + "/many"); len(files) != 500 {
		t.Errorf("%d small files, %v, want 500", len(files), err)
	}
	r.stop(syscall.SIGTERM)
}

func procDeletedFile(t *testing.T, bin string) {
	r := start(t, bin, "-size", "2", "deleted-file")
	fd := filepath.Join("/proc", r.vars["PID"], "fd", r.vars["FD"])
	name, err := os.Readlink(fd)
	if err != nil || name != r.vars["DIR"]+"/app.log (deleted)" {
		t.Errorf("%s is %q, %v, want app.log (deleted)", fd, name, err)
	}
	if st, err := os.Stat(fd); err != nil || st.Size() != 2<<20 {
		t.Errorf("%s: %v, %v, want 2 MiB", fd, st, err)
	}
	r.stop(os.Interrupt)
}

func procRefused(t *testing.T, bin string) {
	r := start(t, bin, "refused")
	addr := "127.0.0.1:" + r.vars["PORT"]
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial error = %v, want ECONNREFUSED", err)
	}
	r.stop(syscall.SIGTERM)
}

func procTimeout(t *testing.T, bin string) {
	r := start(t, bin, "timeout")
	addr := "127.0.0.1:" + r.vars["PORT"]
	c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Errorf("Dial = %v, %v, want a timeout", c, err)
	}
	r.stop(syscall.SIGTERM)
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial after the end: %v, want ECONNREFUSED", err)
	}
}

func procCloseWait(t *testing.T, bin string) {
	r := start(t, bin, "-n", "7", "close-wait")
	if got := r.sockets(stateCloseWait, false); got != 7 {
		t.Errorf("%d sockets in CLOSE-WAIT, want 7", got)
	}
	r.until("FIN-WAIT-2", func() bool { // the kernel may delay an ACK of the FIN
		return r.sockets(stateFinWait2, true) == 7
	})
	before := r.sockets(stateTimeWait, false) + r.sockets(stateTimeWait, true)
	r.stop(syscall.SIGTERM)
	// The resets may still be under way. A former owner of the port may have left some
	// TIME-WAIT, but the fault adds none.
	r.until("end of CLOSE-WAIT and FIN-WAIT-2", func() bool {
		return r.sockets(stateCloseWait, false)+r.sockets(stateFinWait2, true) == 0
	})
	if n := r.sockets(stateTimeWait, false) + r.sockets(stateTimeWait, true); n > before {
		t.Errorf("%d sockets in TIME-WAIT, before the end %d", n, before)
	}
}

func procTimeWait(t *testing.T, bin string) {
	r := start(t, bin, "-n", "7", "time-wait")
	if got := r.sockets(stateTimeWait, true); got < 7 { // a former owner may add some
		t.Errorf("%d sockets in TIME-WAIT, want 7", got)
	}
	r.stop(syscall.SIGTERM) // the kernel drops them after 60 s
}

func procDescriptors(t *testing.T, bin string) {
	r := start(t, bin, "-n", "40", "descriptors")
	if got := r.field("limits", "Max open files"); got != 40 {
		t.Errorf("limit of open files = %d, want 40", got)
	}
	fds, err := os.ReadDir(filepath.Join("/proc", r.vars["PID"], "fd"))
	if len(fds) < 40 { // what was open above the limit stays
		t.Errorf("%d descriptors, %v, want 40", len(fds), err)
	}
	c, err := net.Dial("tcp", "127.0.0.1:"+r.vars["PORT"])
	if err != nil {
		t.Fatalf("the kernel still makes connections: %v", err)
	}
	defer c.Close()
	r.stop(syscall.SIGTERM)
	if says := r.says.String(); !strings.Contains(says, "too many open files") {
		t.Errorf("it does not say why: %s", says)
	}
}
