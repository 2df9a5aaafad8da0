package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxPendingLog = 256 << 10            // 256 KiB of lines may wait
	logDelay      = 5 * time.Millisecond // lines gather that long: one write for many
)

// logQueue is a writer that never blocks: a log that is not read, as of a paused terminal,
// must not stop the service. Lines that find no room are counted, and their number is
// written in their place.
type logQueue struct {
	out   io.Writer
	wake  chan struct{} // holds a token if there is something to write; closed by close
	ended chan struct{} // closed when all is written

	mu      sync.Mutex
	pending []byte // guarded by mu, as are the next two
	lost    int
	closed  bool
}

// newLogQueue starts a goroutine that writes to out until close.
func newLogQueue(out io.Writer) *logQueue {
	q := &logQueue{out: out, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go q.write()
	return q
}

func (q *logQueue) write() {
	defer close(q.ended)
	var lines []byte
	for range q.wake {
		time.Sleep(logDelay)
		q.mu.Lock()
		lines, q.pending = q.pending, lines[:0]
		lost := q.lost
		q.lost = 0
		q.mu.Unlock()
		q.out.Write(lines) // an error cannot be reported anywhere else
		if lost > 0 {
			fmt.Fprintf(q.out, "%d log lines lost: the log was not read in time\n", lost)
		}
	}
}

// Write takes one line. It is safe for concurrent use; lines after close are lost.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
	case len(q.pending)+len(line) > maxPendingLog:
		q.lost++
	default:
		q.pending = append(q.pending, line...)
		select {
		case q.wake <- struct{}{}:
		default: // it is awake
		}
	}
	return len(line), nil
}

// close waits for the lines to be written, at most a second.
func (q *logQueue) close() {
	q.mu.Lock()
	q.closed = true
	close(q.wake)
	q.mu.Unlock()
	select {
	case <-q.ended:
	case <-time.After(time.Second):
	}
}
