// Package netns gives a test a network of its own, on Linux.
package netns

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// Enter gives the test a thread with a loopback interface of its own, or skips it. The
// thread ends with the test: it is never unlocked.
func Enter(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	IP(t, "link", "set", "lo", "up")
}

// IP runs the program ip, in the network that the test has entered, or skips the test.
func IP(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Skipf("ip %q: %v: %s", args, err, out)
	}
}
