package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFaultLinux looks at each fault through /proc, as the commands of the README do.
func TestFaultLinux(t *testing.T) {
	t.Parallel()
	bin := filepath.Join(t.TempDir(), "fault")
	// go run keeps what it has linked and has cp copy it; go build -o would link again.
	build := exec.Command("go", "run", "-exec", "cp", ".", bin)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	for name, test := range map[string]func(*testing.T, string){
		"cpu": faultCPU, "memory": faultMemory, "disk-io": faultDiskIO,
		"disk-full": faultDiskFull, "deleted-file": faultDeletedFile,
		"refused": faultRefused, "timeout": faultTimeout, "close-wait": faultCloseWait,
		"time-wait": faultTimeWait, "descriptors": faultDescriptors, "serve": faultServe,
		"soft limit": faultSoftLimit, "expiry": faultExpiry, "closed pipe": faultClosedPipe,
	} {
		t.Run(name, func(t *testing.T) { test(t, bin) })
	}
}

// runningFault is a fault that has said it exists.
type runningFault struct {
	t    *testing.T
	cmd  *exec.Cmd
	vars map[string]string
	says *bytes.Buffer // not before the end
}

// startFault runs fault with args and reads its variables.
func startFault(t *testing.T, bin string, args ...string) *runningFault {
	t.Helper()
	r := &runningFault{t: t, cmd: exec.Command(bin, args...), vars: map[string]string{}}
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
func (r *runningFault) stop(sig os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
	r.ends("after " + sig.String())
}

func (r *runningFault) ends(when string) {
	r.t.Helper()
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("%s: %v\n%s", when, err, r.says)
	}
	if dir := r.vars["DIR"]; dir != "" {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			r.t.Errorf("%s %s: %v, want it gone", dir, when, err)
		}
	}
}

// proc reads a file of the fault under /proc.
func (r *runningFault) proc(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", r.vars["PID"], name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// field returns the first number after key in a file of the fault under /proc.
func (r *runningFault) field(name, key string) int {
	r.t.Helper()
	_, rest, _ := strings.Cut(r.proc(name), key)
	n, err := strconv.Atoi(strings.Fields(rest + " none")[0])
	if err != nil {
		r.t.Fatalf("/proc/PID/%s after %q: %v", name, key, err)
	}
	return n
}

// until looks every 10 ms for what ok reports: /proc has no events to wait for.
func (r *runningFault) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !ok(); <-tick.C {
		if time.Since(start) > 10*time.Second {
			r.t.Fatalf("no %s after 10 s", what)
		}
	}
}

// grows waits until what value returns has grown by by.
func (r *runningFault) grows(what string, by int, value func() int) {
	r.t.Helper()
	first := value()
	r.until("growth of "+what, func() bool { return value() >= first+by })
}

// sockets counts the TCP sockets whose own port, or whose peer's, is the fault's, by
// state: /proc/net/tcp has it as the kernel numbers it, include/net/tcp_states.h.
func (r *runningFault) sockets() (own, peer map[string]int) {
	r.t.Helper()
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		r.t.Fatal(err)
	}
	port, err := strconv.Atoi(r.vars["PORT"])
	if err != nil {
		r.t.Fatal(err)
	}
	end := fmt.Sprintf(":%04X", port)
	names := map[string]string{"04": "FIN-WAIT", "05": "FIN-WAIT", "06": "TIME-WAIT",
		"08": "CLOSE-WAIT"}
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
		}
		if strings.HasSuffix(f[2], end) {
			peer[names[f[3]]]++
		}
	}
	return own, peer
}

func faultCPU(t *testing.T, bin string) {
	r := startFault(t, bin, "-n", "1", "cpu")
	r.grows("user time", 2, func() int {
		// Fields after the name in parentheses: utime is the 14th of all.
		_, rest, _ := strings.Cut(r.proc("stat"), ") ")
		n, _ := strconv.Atoi(strings.Fields(rest)[11]) // 0 does not grow
		return n
	})
	r.stop(syscall.SIGTERM)
}

func faultMemory(t *testing.T, bin string) {
	r := startFault(t, bin, "-size", "32", "memory")
	if got, want := r.field("status", "VmRSS:"), 32<<10; got < want {
		t.Errorf("VmRSS = %d kB, want at least %d", got, want)
	}
	r.stop(os.Interrupt)
}

func faultDiskIO(t *testing.T, bin string) {
	r := startFault(t, bin, "-size", "1", "disk-io")
	r.grows("write calls", 5, func() int { return r.field("io", "syscw:") })
	if st, err := os.Stat(r.vars["DIR"] + "/synced"); err != nil || st.Size() != 1<<20 {
		t.Errorf("the file: %v, %v, want 1 MiB", st, err)
	}
	r.stop(syscall.SIGTERM)
}

func faultDiskFull(t *testing.T, bin string) {
	r := startFault(t, bin, "-size", "1", "-dir", t.TempDir(), "disk-full")
	for name, want := range map[string]struct {
		length  int64
		written bool // in blocks of its own, not sparse
	}{"big.log": {1 << 20, true}, "sparse.img": {200 << 20, false}} {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(r.vars["DIR"], name), &st); err != nil {
			t.Fatal(err)
		}
		if full := st.Blocks*512 >= st.Size; st.Size != want.length || full != want.written {
			t.Errorf("%s has %d bytes in %d blocks", name, st.Size, st.Blocks)
		}
	}
	if files, err := os.ReadDir(r.vars["DIR"] + "/many"); len(files) != 100 {
		t.Errorf("%d small files, %v, want 100", len(files), err)
	}
	r.stop(syscall.SIGHUP)
}

func faultDeletedFile(t *testing.T, bin string) {
	r := startFault(t, bin, "-size", "1", "deleted-file")
	fd := filepath.Join("/proc", r.vars["PID"], "fd", r.vars["FD"])
	name, err := os.Readlink(fd)
	if err != nil || name != r.vars["DIR"]+"/app.log (deleted)" {
		t.Errorf("%s is %q, %v, want app.log (deleted)", fd, name, err)
	}
	if st, err := os.Stat(fd); err != nil || st.Size() != 1<<20 {
		t.Errorf("%s: %v, %v, want 1 MiB", fd, st, err)
	}
	r.stop(os.Interrupt)
}

func faultExpiry(t *testing.T, bin string) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Rel(wd, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := startFault(t, bin, "-size", "1", "-for", "20ms", "-dir", dir, "deleted-file")
	if !filepath.IsAbs(r.vars["DIR"]) {
		t.Errorf("DIR=%s, want an absolute path, for a shell elsewhere", r.vars["DIR"])
	}
	r.ends("at its end")
}

func faultRefused(t *testing.T, bin string) {
	r := startFault(t, bin, "refused")
	addr := "127.0.0.1:" + r.vars["PORT"]
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial error = %v, want ECONNREFUSED", err)
	}
	r.stop(syscall.SIGTERM)
}

func faultTimeout(t *testing.T, bin string) {
	r := startFault(t, bin, "timeout")
	addr := "127.0.0.1:" + r.vars["PORT"]
	c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Errorf("Dial = %v, %v, want a timeout", c, err)
	}
	r.stop(syscall.SIGTERM)
}

func faultCloseWait(t *testing.T, bin string) {
	r := startFault(t, bin, "-n", "7", "close-wait")
	own, peer := r.sockets()
	if own["CLOSE-WAIT"] != 7 || peer["FIN-WAIT"] != 7 {
		t.Errorf("this end: %v, want 7 in CLOSE-WAIT; peer: %v, want 7 in FIN-WAIT", own, peer)
	}
	before := own["TIME-WAIT"] + peer["TIME-WAIT"] // of a former owner of the port
	r.stop(syscall.SIGTERM)
	r.until("end of CLOSE-WAIT and FIN-WAIT", func() bool { // resets may be under way
		own, peer = r.sockets()
		return own["CLOSE-WAIT"]+peer["FIN-WAIT"] == 0
	})
	if n := own["TIME-WAIT"] + peer["TIME-WAIT"]; n > before {
		t.Errorf("%d sockets in TIME-WAIT, before the end %d", n, before)
	}
}

func faultTimeWait(t *testing.T, bin string) {
	r := startFault(t, bin, "-n", "7", "time-wait")
	if _, peer := r.sockets(); peer["TIME-WAIT"] < 7 { // a former owner may add some
		t.Errorf("peer: %v, want 7 in TIME-WAIT", peer)
	}
	r.stop(syscall.SIGTERM) // the kernel drops them after 60 s
}

func faultDescriptors(t *testing.T, bin string) {
	r := startFault(t, bin, "-n", "40", "descriptors")
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

// A Go program that imports os raises its soft limit of open files to just below the
// hard one when it starts.
func faultSoftLimit(t *testing.T, bin string) {
	limited := `ulimit -Sn 100 && ulimit -Hn 300 && exec "$0" refused`
	r := startFault(t, "/bin/sh", "-c", limited, bin)
	if got := r.field("limits", "Max open files"); got != 299 {
		t.Errorf("soft limit = %d, want 299, one less than the hard one", got)
	}
	r.stop(syscall.SIGTERM)
}

// faultServe asks for each kind of answer, finds it in the log, and sends more than the
// log may hold.
func faultServe(t *testing.T, bin string) {
	r := startFault(t, bin, "serve")
	long := "/" + strings.Repeat("x", 600<<10)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, tt := range []struct {
		path   string
		status int
	}{{"/", 200}, {"/missing", 404}, {"/error", 500}, {long, 404}, {long, 404}} {
		resp, err := client.Get("http://127.0.0.1:" + r.vars["PORT"] + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		log, err := os.ReadFile(r.vars["DIR"] + "/serve.log")
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("path=%s status=%d\n", tt.path, tt.status)
		if resp.StatusCode != tt.status || !strings.Contains(string(log), want) {
			t.Errorf("GET %.9s = %d, want %d and a line", tt.path, resp.StatusCode, tt.status)
		}
		if len(log) > 1<<20 {
			t.Errorf("%d bytes of log, want at most 1 MiB", len(log))
		}
	}
	r.stop(syscall.SIGTERM)
}

// A fault whose messages nobody reads any more, as with head -n 1, still cleans up.
func faultClosedPipe(t *testing.T, bin string) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer writer.Close()
	dir := t.TempDir()
	cmd := exec.Command(bin, "-for", "1ms", "-size", "1", "-dir", dir, "deleted-file")
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Run(); err != nil {
		t.Errorf("fault into a closed pipe: %v", err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left in -dir: %v, %v", left, err)
	}
}
