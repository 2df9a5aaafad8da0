// Package leak finds goroutines and file descriptors that a test leaves behind.
package leak

import (
	"bytes"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"
)

// limit bounds a failure: a goroutine that is about to end needs a moment.
const limit = 5 * time.Second

// Check fails the test if a goroutine started after this call still runs at its end or,
// on Linux, a file descriptor opened after this call is still open. Call it first in the
// test: cleanups run in reverse order. It panics if the test or a parent of it is
// parallel, because it cannot know what belongs to other tests. A synctest bubble
// does not need it.
func Check(t testing.TB) {
	t.Helper()
	t.Setenv("LEAK_CHECK", t.Name()) // panics if t is parallel
	stacks, files := goroutines(), descriptors()
	t.Cleanup(func() {
		left := func() []string {
			return append(added(stacks, goroutines()), added(files, descriptors())...)
		}
		found := left()
		poll := time.NewTicker(time.Millisecond)
		defer poll.Stop()
		for end := time.Now().Add(limit); len(found) > 0 && time.Now().Before(end); <-poll.C {
			found = left()
		}
		if len(found) > 0 {
			t.Errorf("left behind:\n%s", strings.Join(found, "\n\n"))
		}
	})
}

// added returns the values of the keys that only after has.
func added(before, after map[string]string) (found []string) {
	for key, value := range after {
		if _, ok := before[key]; !ok {
			found = append(found, value)
		}
	}
	slices.Sort(found)
	return found
}

// goroutines returns the stack of each goroutine by its number, which is never used twice.
func goroutines() map[string]string {
	var profile bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&profile, 2) // a Buffer does not fail
	stacks := make(map[string]string)
	for stack := range strings.SplitSeq(strings.TrimSpace(profile.String()), "\n\n") {
		if !strings.Contains(stack, "os/signal.loop") { // runs until the process ends
			name, _, _ := strings.Cut(stack, " [")
			stacks[name] = stack
		}
	}
	return stacks
}

// descriptors returns what each open file descriptor refers to. There are none on systems
// other than Linux.
func descriptors() map[string]string {
	open := make(map[string]string)
	entries, _ := os.ReadDir("/proc/self/fd") // an error means none
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err != nil {
			continue // ReadDir's own, which is closed
		}
		switch target {
		case "anon_inode:[eventpoll]", "anon_inode:[eventfd]": // the runtime keeps one each
		default:
			name := "file descriptor " + entry.Name() + ": " + target
			open[name] = name
		}
	}
	return open
}
