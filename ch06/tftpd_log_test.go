//go:build unix

package ch06_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch06/internal/command"
)

// TestTftpdUnreadLog has nobody read the log, as if it went to a paused terminal, or its
// reader end: more requests than lines fit are still served, and SIGTERM ends the server
// with status 0.
func TestTftpdUnreadLog(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./tftpd")
	const many = 1300 // of 500 bytes: more than a pipe and two of tftpd's buffers hold
	for _, tt := range []struct {
		name         string
		requests     int
		close, drain bool // the log's reader ends at once, or reads again in the end
	}{{"nobody reads", many, false, false}, {"the reader has ended", 100, true, false}, {"the reader wakes up", many, false, true}} {
		t.Run(tt.name, func(t *testing.T) {
			log, stderr, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { log.Close() })
			cmd := exec.Command(program, "-listen", "127.0.0.1:0")
			cmd.Stderr = stderr
			server := command.StartCmd(t, cmd)
			stderr.Close() // the process has its own
			lines := bufio.NewReader(log)
			line, err := lines.ReadString('\n')
			addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
			if !ok {
				t.Fatalf("the first line was %q, %v", line, err)
			}
			if tt.close {
				log.Close()
			}
			tftpdLogRequests(t, addr, tt.requests)
			if tt.drain {
				tftpdLogDrain(t, log, lines, tt.requests)
			}
			if got := server.Stop(t, syscall.SIGTERM); got.Status != 0 {
				t.Errorf("after SIGTERM: exit status %d, want 0", got.Status)
			}
		})
	}
}

// tftpdLogRequests makes requests that are refused, and some that are ended after their
// first block. Each leaves a line in the log.
func tftpdLogRequests(t *testing.T, addr string, requests int) {
	t.Helper()
	client, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetDeadline(time.Now().Add(30 * time.Second)) // bounds a failure; cannot fail: client is open
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	name, b := strings.Repeat("x", 400), make([]byte, 600)
	for i := range requests {
		mode := "mail" // which is refused
		if i%20 == 0 {
			mode = "octet"
		}
		request := fmt.Sprintf("\x00\x01%d%s\x00%s\x00", i, name, mode)
		if _, err := client.WriteTo([]byte(request), to); err != nil {
			t.Fatal(err)
		}
		_, from, err := client.ReadFrom(b)
		if err != nil {
			t.Fatalf("no response to request %d: %v", i, err)
		}
		if from.String() != to.String() { // block 1
			if _, err := client.WriteTo([]byte("\x00\x05\x00\x00\x00"), from); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// tftpdLogDrain reads the log until all lines have come, or are said to be lost.
func tftpdLogDrain(t *testing.T, log *os.File, lines *bufio.Reader, want int) {
	t.Helper()
	log.SetReadDeadline(time.Now().Add(30 * time.Second)) // bounds a failure, where pipes have deadlines
	written, lost := 0, 0
	for written+lost < want { // the last transfer may end after the lost lines were counted
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%d lines, and %d are said to be lost, want %d in all: %v", written, lost, want, err)
		}
		n := 0
		if _, err := fmt.Sscanf(line, "%d log lines lost: the log was not read in time", &n); err != nil {
			written++
		}
		lost += n
	}
	if lost == 0 || written+lost != want {
		t.Errorf("%d lines, and %d are said to be lost, want some, and %d in all", written, lost, want)
	}
	t.Logf("%d lines, %d lost", written, lost)
}
