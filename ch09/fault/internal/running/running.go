// Package running looks at a fault that runs, through its variables and /proc of Linux.
package running

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Fault is a fault that has said it exists.
type Fault struct {
	testing.TB
	Vars map[string]string
}

// New reads the variables of a fault, of the process pid, from the line that sets them.
func New(t testing.TB, pid int, line string) *Fault {
	t.Helper()
	f := &Fault{t, map[string]string{}}
	for word := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(word, "=")
		f.Vars[name] = strings.Trim(value, "'")
	}
	if got, want := f.Vars["PID"], strconv.Itoa(pid); got != want {
		t.Errorf("PID=%s, want %s", got, want)
	}
	return f
}

// Ended checks how the fault ended, and that its files are gone.
func (f *Fault) Ended(status int) {
	f.Helper()
	if status != 0 {
		f.Errorf("the fault ended with status %d, want 0", status)
	}
	if dir := f.Vars["DIR"]; dir != "" {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			f.Errorf("%s after the end: %v, want it gone", dir, err)
		}
	}
}

// Proc reads a file of the fault under /proc.
func (f *Fault) Proc(name string) string {
	f.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", f.Vars["PID"], name))
	if err != nil {
		f.Fatal(err)
	}
	return string(b)
}

// Field returns the first number after key in a file of the fault under /proc.
func (f *Fault) Field(name, key string) int {
	f.Helper()
	_, rest, _ := strings.Cut(f.Proc(name), key)
	n, err := strconv.Atoi(strings.Fields(rest + " none")[0])
	if err != nil {
		f.Fatalf("/proc/PID/%s after %q: %v", name, key, err)
	}
	return n
}

// Until calls ok every 10 ms until it returns true: /proc has no events to wait for.
func (f *Fault) Until(what string, ok func() bool) {
	f.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); !ok(); <-tick.C {
		if time.Since(start) > 10*time.Second {
			f.Fatalf("no %s after 10 s", what)
		}
	}
}

// Grows waits until the result of value has grown by at least by.
func (f *Fault) Grows(what string, by int, value func() int) {
	f.Helper()
	first := value()
	f.Until("growth of "+what, func() bool { return value() >= first+by })
}

// Sockets counts, by state, the TCP sockets whose own port or peer's port is the fault's.
// Own also counts, as "keep-alive", those with such a timer.
func (f *Fault) Sockets() (own, peer map[string]int) {
	f.Helper()
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		f.Fatal(err)
	}
	port, err := strconv.Atoi(f.Vars["PORT"])
	if err != nil {
		f.Fatal(err)
	}
	end := fmt.Sprintf(":%04X", port)
	// States as the kernel numbers them, include/net/tcp_states.h.
	names := map[string]string{"01": "ESTAB", "02": "SYN-SENT", "04": "FIN-WAIT", "05": "FIN-WAIT",
		"06": "TIME-WAIT", "08": "CLOSE-WAIT", "0A": "LISTEN"}
	own, peer = map[string]int{}, map[string]int{}
	seen := map[string]bool{} // the table changes while it is read: a line may come again
	for line := range strings.Lines(string(b)) {
		w := strings.Fields(line) // number, local and remote address, state, and more
		pair := w[1] + w[2]
		if seen[pair] {
			continue
		}
		seen[pair] = true
		state := names[w[3]]
		if state == "ESTAB" && w[9] == "0" { // it has no inode
			state = "not accepted"
		}
		if strings.HasSuffix(w[1], end) {
			own[state]++
			own["keep-alive"] += strings.Count(w[5][:2], "02") // a timer that runs
		}
		if strings.HasSuffix(w[2], end) {
			peer[state]++
		}
	}
	return own, peer
}
