package main

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	logLines    = 256                    // that many lines may wait
	logDelay    = 5 * time.Millisecond   // and gather that long: one write for many
	logPatience = 250 * time.Millisecond // how long a line waits for room
)

// logQueue is a writer that does not wait for long: a log that is not read, as of a paused
// terminal, must not stop the service. Once it has stalled, lines that find no room are
// counted, and their number is written in their place.
type logQueue struct {
	lines chan []byte
	lost  atomic.Int64
	stop  chan struct{} // closed by close
	ended chan struct{} // closed when all is written
}

// newLogQueue starts a goroutine that writes to out until close.
func newLogQueue(out io.Writer) *logQueue {
	q := &logQueue{lines: make(chan []byte, logLines), stop: make(chan struct{}), ended: make(chan struct{})}
	go q.write(out)
	return q
}

func (q *logQueue) write(out io.Writer) {
	defer close(q.ended)
	var b []byte
	for {
		select {
		case line := <-q.lines:
			time.Sleep(logDelay)
			b = append(b[:0], line...)
		case <-q.stop:
			if len(q.lines) == 0 {
				return
			}
			b = b[:0]
		}
		for range len(q.lines) {
			b = append(b, <-q.lines...)
		}
		out.Write(b) // an error cannot be reported anywhere else
		if lost := q.lost.Swap(0); lost > 0 {
			fmt.Fprintf(out, "%d log lines lost: the log was not read in time\n", lost)
		}
	}
}

// Write takes one line. It is safe for concurrent use; lines after close are lost.
func (q *logQueue) Write(line []byte) (int, error) {
	kept := bytes.Clone(line) // the caller uses its own again
	select {
	case q.lines <- kept:
		return len(line), nil
	default:
	}
	wait := logPatience
	if q.lost.Load() > 0 {
		wait = 0 // it has stalled
	}
	select {
	case q.lines <- kept:
	case <-time.After(wait):
		q.lost.Add(1)
	}
	return len(line), nil
}

// close waits for the lines to be written: at most a second, or less if the log has stalled.
func (q *logQueue) close() {
	close(q.stop)
	limit := time.Second
	if q.lost.Load() > 0 {
		limit = logPatience
	}
	select {
	case <-q.ended:
	case <-time.After(limit):
	}
}
