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
	lost  chan int      // holds the number of lines lost
	stop  chan struct{} // closed by close
	ended chan struct{} // closed when all lines are written
}

// newLogQueue starts a goroutine that writes to out until close.
func newLogQueue(out io.Writer) *logQueue {
	q := &logQueue{make(chan []byte, 1024), make(chan int, 1), make(chan struct{}), make(chan struct{})}
	q.lost <- 0
	go q.write(out)
	return q
}

func (q *logQueue) write(out io.Writer) {
	defer close(q.ended)
	stop := q.stop
	for stop != nil || len(q.lines) > 0 {
		select {
		case line := <-q.lines:
			out.Write(line) // an error cannot be reported anywhere else
		case <-stop:
			stop = nil
		}
		if n := <-q.lost; n > 0 && len(q.lines) == 0 {
			q.lost <- 0
			fmt.Fprintf(out, "tftpd: %d log lines lost: nobody read them\n", n)
		} else {
			q.lost <- n
		}
	}
}

// Write takes one line. It is safe for concurrent use; lines after close are lost.
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
	close(q.stop)
	select {
	case <-q.ended:
	case <-time.After(time.Second):
	}
}
