package ch04_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"testing"

	"network-programming-with-go/ch04"
)

// monitorFull is a log on a full disk.
type monitorFull struct{ err error }

func (w monitorFull) Write([]byte) (int, error) { return 0, w.err }

func TestMonitorNeverDisturbs(t *testing.T) {
	full := errors.New("disk full")
	broken := &ch04.Monitor{Logger: log.New(monitorFull{full}, "", 0)}
	const request = "a request of some length"

	// The naive way: the log's error becomes the connection's.
	var conn bytes.Buffer
	n, err := io.MultiWriter(monitorFull{full}, &conn).Write([]byte(request))
	if !errors.Is(err, full) || conn.Len() != 0 {
		t.Errorf("naive MultiWriter: conn got %q, error %v, want nothing, %v", &conn, err, full)
	}
	t.Logf("naive MultiWriter: %d bytes taken, conn got %q, error: %v", n, conn.String(), err)
	got, err := io.ReadAll(io.TeeReader(strings.NewReader(request), monitorFull{full}))
	if !errors.Is(err, full) {
		t.Errorf("naive TeeReader read %q, %v, want %v", got, err, full)
	}
	t.Logf("naive TeeReader:   read %d bytes, error: %v", len(got), err)

	for name, m := range map[string]*ch04.Monitor{"full": broken, "no logger": {}} {
		conn.Reset()
		n, err := io.MultiWriter(m, &conn).Write([]byte(request))
		if n != len(request) || err != nil || conn.String() != request {
			t.Errorf("%s: MultiWriter = %d, %v, conn got %q", name, n, err, &conn)
		}
		got, err := io.ReadAll(io.TeeReader(strings.NewReader(request), m))
		if string(got) != request || err != nil {
			t.Errorf("%s: TeeReader read %q, %v, want %q", name, got, err, request)
		}
	}
}

// A peer that sends line breaks must not be able to write the log for us.
func TestMonitorQuotes(t *testing.T) {
	var out bytes.Buffer
	m := &ch04.Monitor{Logger: log.New(&out, "monitor: ", 0)}
	m.Write([]byte("hello\nmonitor: \"all is well\"\x1b[2J")) // never fails
	if want := `monitor: "hello\nmonitor: \"all is well\"\x1b[2J"` + "\n"; out.String() != want {
		t.Errorf("log = %s, want %s", &out, want)
	}
}

func ExampleMonitor() {
	client, server := net.Pipe()
	monitor := &ch04.Monitor{Logger: log.New(os.Stdout, "monitor: ", 0)}
	done := make(chan struct{})
	go func() { // an echo server, watched
		defer close(done)
		defer server.Close()
		r := io.TeeReader(server, monitor)
		w := io.MultiWriter(server, monitor)
		io.Copy(w, r) // ends with the client
	}()
	for _, msg := range []string{"Test\n", "More\n"} {
		fmt.Fprint(client, msg) // a failure shows in the read
		if _, err := io.ReadFull(client, make([]byte, len(msg))); err != nil {
			fmt.Println(err)
		}
	}
	client.Close()
	<-done
	// Output:
	// monitor: "Test\n"
	// monitor: "Test\n"
	// monitor: "More\n"
	// monitor: "More\n"
}
