package main

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// A logWriter writes lines in the background, so that a pipe that nobody reads any more
// does not stop connections. If it has been full for 100 ms, lines are lost until it has room.
type logWriter struct {
	lines chan []byte
	lost  atomic.Int64
}

// run writes until lines is closed.
func (l *logWriter) run(w io.Writer) {
	for line := range l.lines {
		w.Write(line) // its error could only be logged
		if lost := l.lost.Swap(0); lost > 0 {
			fmt.Fprintf(w, "%d lines of the log are lost\n", lost)
		}
	}
}

// Write takes one line and does not fail.
func (l *logWriter) Write(line []byte) (int, error) {
	wait := 100 * time.Millisecond
	if l.lost.Load() > 0 {
		wait = 0
	}
	select {
	case l.lines <- bytes.Clone(line):
	case <-time.After(wait):
		l.lost.Add(1)
	}
	return len(line), nil
}
