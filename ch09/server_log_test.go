//go:build unix

package ch09_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch09/internal/command"
)

// A log that is not read, as of a paused terminal, or whose reader has ended, stops
// neither requests nor the end by SIGTERM. Lines that found no room are counted.
func TestServerUnreadLog(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./server")
	for _, tt := range []struct {
		name         string
		requests     int  // 700 are more than a pipe and the server's queue hold
		close, drain bool // the log's reader ends at once, or reads again in the end
	}{
		{"not read", 700, false, false},
		{"reader has ended", 20, true, false},
		{"read again", 700, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log, stderr, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
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

			client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
			defer client.CloseIdleConnections()
			for i := range tt.requests { // a line of 1 KiB each
				resp, err := client.Get("http://" + addr + "/" + strings.Repeat("x", 1000))
				if err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
				io.Copy(io.Discard, resp.Body) // an error shows in the next request
				resp.Body.Close()
			}
			log.SetReadDeadline(time.Now().Add(10 * time.Second)) // bounds a failure, where pipes have deadlines
			written, lost := 0, 0
			for tt.drain && written+lost < tt.requests {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatalf("%d lines and %d lost, want %d in all: %v", written, lost, tt.requests, err)
				}
				n := 0
				if _, err := fmt.Sscanf(line, "%d log lines lost", &n); err != nil {
					written++
				}
				lost += n
			}
			if tt.drain && (lost == 0 || written+lost != tt.requests) {
				t.Errorf("%d lines and %d lost, want some lost and %d in all", written, lost, tt.requests)
			}
			if got := server.Stop(t, syscall.SIGTERM); got.Status != 0 {
				t.Errorf("after SIGTERM: exit status %d, want 0", got.Status)
			}
		})
	}
}
