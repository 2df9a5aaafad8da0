//go:build unix

package ch06_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/command"
)

// The payload may come from a pipe. While tftpd waits for the end of it, one signal ends
// the program.
func TestTftpdPayloadPipe(t *testing.T) {
	t.Parallel()
	program := command.Build(t, "./tftpd")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	for _, waits := range []bool{true, false} {
		server := command.StartCmd(t, exec.Command(program, "-listen", "127.0.0.1:0", "-payload", pipe))
		end, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits until tftpd has opened it
		if err != nil {
			t.Fatal(err)
		}
		if _, err := end.WriteString("content"); err != nil {
			t.Fatal(err)
		}
		if !waits {
			end.Close()
			addr := strings.TrimPrefix(server.WaitLine(t, "listening on "), "listening on ")
			var got strings.Builder
			client := &ch06.Client{}
			if _, err := client.Get(t.Context(), addr, "f", &got); err != nil || got.String() != "content" {
				t.Errorf("Get = %q, %v, want what was written to the pipe", got.String(), err)
			}
			client.Wait()
		}
		if got := server.Stop(t, syscall.SIGTERM); got.Status != 0 {
			t.Errorf("waits for the pipe: %t, after SIGTERM: exit status %d, want 0: %s", waits, got.Status, got.Stderr)
		}
		end.Close() // a second time, perhaps
	}
}
