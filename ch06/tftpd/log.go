package main

import (
	"fmt"
	"io"
	"time"
)

// logQueue is a writer that never blocks: a log that nobody reads, as of a paused terminal,
// must not stop transfers. Lines that find no room are counted, and their number is written
// in their place.
type logQueue struct {
	lines chan []byte
	lost  chan int // holds the number of lines lost
	ended chan struct{}
}

// newLogQueue starts a goroutine that writes to out until close.
func newLogQueue(out io.Writer) *logQueue {
	q := &logQueue{make(chan []byte, 4096), make(chan int, 1), make(chan struct{})}
	q.lost <- 0
	go func() {
		defer close(q.ended)
		for line := range q.lines {
			out.Write(line) // there is no other place to report its error
			if n := <-q.lost; n > 0 && len(q.lines) == 0 {
				q.lost <- 0
				fmt.Fprintf(out, "tftpd: %d log lines lost: nobody read them\n", n)
			} else {
				q.lost <- n
			}
		}
	}()
	return q
}

// Write takes one line. It is safe for concurrent use, but not after close.
func (q *logQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- append([]byte{}, line...):
	default:
		q.lost <- <-q.lost + 1
	}
	return len(line), nil
}

// close waits for the lines to be written, at most a second.
func (q *logQueue) close() {
	close(q.lines)
	select {
	case <-q.ended:
	case <-time.After(time.Second):
	}
}
