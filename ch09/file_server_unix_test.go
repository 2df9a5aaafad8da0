//go:build linux || darwin || freebsd

package ch09_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"network-programming-with-go/ch09"
)

// Opening a FIFO waits for a writer: a request for one would never end.
func TestFileServerFIFO(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skipf("no FIFO here: %v", err)
	}
	rec := httptest.NewRecorder()
	ch09.FileServer(os.DirFS(dir)).ServeHTTP(rec, httptest.NewRequest("GET", "/pipe", nil))
	t.Logf("GET of a FIFO: %d", rec.Code)
	if rec.Code != 404 {
		t.Errorf("GET of a FIFO = %d, want 404", rec.Code)
	}
}
