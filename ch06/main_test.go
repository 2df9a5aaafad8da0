package ch06_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain fails a run that has passed but leaves a goroutine or a socket behind.
//
// A run that leaves none ends at once. os.Exit would have the race detector wait for a
// second, in case that goroutines still at work show it a race: there are none.
func TestMain(m *testing.M) {
	sockets := mainSockets() // those that the process was started with
	code := m.Run()
	if code != 0 || flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(code) // fuzzing leaves a goroutine of os/signal
	}
	for end := time.Now().Add(5 * time.Second); ; runtime.Gosched() {
		goroutines, left := runtime.NumGoroutine()-1, mainSockets()-sockets // without this one
		if goroutines == 0 && left <= 0 {
			syscall.Exit(0)
		}
		if time.Now().After(end) {
			stacks := make([]byte, 64<<10)
			fmt.Printf("FAIL: %d goroutines and %d sockets left behind\n%s\n",
				goroutines, left, stacks[:runtime.Stack(stacks, true)])
			os.Exit(1)
		}
	}
}

// mainSockets counts the sockets of this process, on systems that list them.
func mainSockets() (n int) {
	fds, _ := os.ReadDir("/proc/self/fd") // only Linux has it
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
