package ch06_test

import (
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/command"
)

// TestTftpStdout runs tftp from a shell with a standard output that is closed, full or a
// device. Go opens os.DevNull in place of a closed stream: what is written there is lost.
func TestTftpStdout(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no POSIX shell")
	}
	program := command.Build(t, "./tftp")
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &ch06.Server{Payload: []byte("content")}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		server.Close() // always nil
		<-served
	})
	for _, tt := range []struct {
		redirect       string
		status         int
		stdout, stderr string // stderr holds it
	}{
		{"", 0, "content", ""},
		{">&-", 1, "", "write /dev/stdout: bad file descriptor\n"},
		{">/dev/null", 0, "", ""},
		{">/dev/full", 1, "", "no space left on device\n"},
		{">/dev/null 2>/dev/null </dev/null", 0, "", ""},
		{"1<>/dev/null 2<>/dev/null", 0, "", ""}, // as a daemon has it
	} {
		t.Run(tt.redirect, func(t *testing.T) {
			if runtime.GOOS != "linux" && strings.Contains(tt.redirect, "/dev/full") {
				t.Skip("no /dev/full")
			}
			cmd := exec.Command("sh", "-c", `exec "$0" -o - "$1" f `+tt.redirect, program, conn.LocalAddr().String())
			got := command.RunCmd(t, cmd)
			if got.Status != tt.status || got.Stdout != tt.stdout || !strings.HasSuffix(got.Stderr, tt.stderr) || tt.stderr == "" && got.Stderr != "" {
				t.Errorf("got %+v, want %+v", got, tt)
			}
		})
	}
}
