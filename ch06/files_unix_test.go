//go:build unix

package ch06_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"network-programming-with-go/ch06"
)

// A pipe among the files is refused: opening it would wait for somebody to write to it.
func TestPipeIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	filesRefuse(t, dir, "pipe")
}

// So is a device, whose opening alone may do something, such as to rewind a tape.
func TestDeviceIsNotOpened(t *testing.T) {
	filesRefuse(t, "/dev", "null")
}

func filesRefuse(t *testing.T, dir, name string) {
	t.Helper()
	server := &ch06.Server{FS: os.DirFS(dir)}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	_, err = (&ch06.Client{}).Get(t.Context(), conn.LocalAddr().String(), name, io.Discard)
	if !errors.Is(err, ch06.ErrAccessViolation) {
		t.Errorf("Get error = %v, want ErrAccessViolation", err)
	}
	server.Close() // always nil
	<-served
}
