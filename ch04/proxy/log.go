package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxPendingLog = 256 << 10              // 256 KiB of lines may wait
	logDelay      = 5 * time.Millisecond   // lines gather that long: one write for many
	logPatience   = 250 * time.Millisecond // for how long a line waits for room
)

// logQueue is a writer that does not wait for long: a log that is not read, as of a paused
// terminal, must not stop the service. Once it has stalled, lines that find no room are
// counted, and their number is written in their place.
type logQueue struct {
	out   io.Writer
	wake  chan struct{} // holds a token if there is something to write; closed by close
	ended chan struct{} // closed when all is written

	mu      sync.Mutex
	room    *sync.Cond // broadcast if pending has room again, or the writer stalls
	pending []byte     // guarded by mu, as are the rest
	lost    int
	stalled bool // nothing was written for logPatience while lines waited for room
	closed  bool
}

// newLogQueue starts a goroutine that writes to out until close.
func newLogQueue(out io.Writer) *logQueue {
	q := &logQueue{out: out, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	q.room = sync.NewCond(&q.mu)
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
		q.lost, q.stalled = 0, false
		q.room.Broadcast()
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
	full := func() bool { return !q.closed && len(q.pending)+len(line) > maxPendingLog }
	if full() && !q.stalled {
		timer := time.AfterFunc(logPatience, q.stall)
		for full() && !q.stalled {
			q.room.Wait()
		}
		timer.Stop()
	}
	if q.closed {
		return len(line), nil
	}
	if full() {
		q.lost++
	} else {
		q.pending = append(q.pending, line...)
	}
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
	return len(line), nil
}

func (q *logQueue) stall() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stalled = true
	q.room.Broadcast()
}

// close waits for the lines to be written: at most a second, or less if the log has stalled.
func (q *logQueue) close() {
	q.mu.Lock()
	limit := time.Second
	if q.stalled {
		limit = logPatience
	}
	q.closed = true
	close(q.wake)
	q.room.Broadcast()
	q.mu.Unlock()
	select {
	case <-q.ended:
	case <-time.After(limit):
	}
}
