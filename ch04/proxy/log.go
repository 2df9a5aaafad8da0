package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// A logWriter writes to w in the background, so that a terminal that stands still or a
// pipe that nobody reads stops no connection. What does not fit in its buffer is lost.
type logWriter struct {
	w    io.Writer
	wake chan struct{} // closed by close
	done chan struct{} // closed when all is written

	mu   sync.Mutex // guards the rest
	buf  []byte
	lost int // lines
}

const logBuffer = 1 << 20 // 1 MiB

func newLogWriter(w io.Writer) *logWriter {
	l := &logWriter{w: w, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run()
	return l
}

// Write takes one line, or drops it. It does not fail.
func (l *logWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.buf)+len(line) > logBuffer {
		l.lost++
		return len(line), nil
	}
	if l.lost > 0 {
		l.buf = fmt.Appendf(l.buf, "%d lines of the log are lost\n", l.lost)
		l.lost = 0
	}
	l.buf = append(l.buf, line...)
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
	return len(line), nil
}

func (l *logWriter) run() {
	defer close(l.done)
	for range l.wake {
		l.mu.Lock()
		buf := l.buf
		l.buf = nil
		l.mu.Unlock()
		l.w.Write(buf) // there is nobody to tell
	}
}

// close waits for a second until all is written. Nobody may write any more.
func (l *logWriter) close() {
	close(l.wake)
	select {
	case <-l.done:
	case <-time.After(time.Second):
	}
}
