//go:build unix

package ch06_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"network-programming-with-go/ch06"
)

// A file is replaced by a pipe, and back, again and again. Some requests find the file when
// they look and the pipe when they open: none of them waits for somebody to write to it.
func TestFileSwappedForPipe(t *testing.T) {
	dir, path := t.TempDir(), strings.Repeat("d/", 100)+"f" // to walk a long path takes a while
	name := filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(name, 0o666); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	swapped, stop := make(chan error, 1), make(chan struct{})
	go func() { swapped <- filesSwap(name, stop) }()
	addr := filesSwapServe(t, dir)
	served := 0
	for range 100 {
		var got strings.Builder
		client := &ch06.Client{Timeout: 5 * time.Second, Patience: 5 * time.Second} // bounds a failure
		switch _, err := client.Get(t.Context(), addr, path, &got); {
		case err == nil && got.String() == "content":
			served++
		case err == nil || !strings.Contains(err.Error(), "not a regular file"):
			t.Errorf("Get = %q, %v, want the file, or that it is not regular", got.String(), err)
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("the file was served %d times of 100", served)
	close(stop)
	if err := <-swapped; err != nil {
		t.Error(err)
	}
}

// filesSwap has name be a file and a pipe by turns.
func filesSwap(name string, stop chan struct{}) error {
	file, pipe := name+"-file", name+"-pipe"
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := os.WriteFile(file, []byte("content"), 0o666); err != nil {
			return err
		}
		if err := os.Rename(file, name); err != nil {
			return err
		}
		if err := syscall.Mkfifo(pipe, 0o666); err != nil {
			return err
		}
		if err := os.Rename(pipe, name); err != nil {
			return err
		}
	}
}

// filesSwapServe serves a folder on loopback until the test ends.
func filesSwapServe(t *testing.T, dir string) string {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &ch06.Server{Root: root}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("a transfer waits for the pipe: %v", err)
		}
		<-served
		root.Close()
	})
	return conn.LocalAddr().String()
}
