//go:build linux || darwin || freebsd

package ch09_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"network-programming-with-go/ch09"
	"network-programming-with-go/ch09/internal/leak"
)

// Opening a FIFO waits for a writer: a request for one would never end. Not even one that
// takes the place of a file between Stat and Open may block.
func TestFileServerFIFO(t *testing.T) {
	leak.Check(t)
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Skipf("no FIFO here: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("hi"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, tt := range []struct {
		name string
		fsys fs.FS
	}{
		{"os.DirFS", os.DirFS(dir)},
		{"DirFS", ch09.DirFS(root)},
		{"DirFS, swapped after Stat", swappedFS{ch09.DirFS(root)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			ch09.FileServer(tt.fsys).ServeHTTP(rec, httptest.NewRequest("GET", "/pipe", nil))
			t.Logf("GET of a FIFO: %d", rec.Code)
			if rec.Code != http.StatusNotFound {
				t.Errorf("GET of a FIFO = %d, want 404", rec.Code)
			}
		})
	}
}

// swappedFS says of each name that it is a file.
type swappedFS struct{ fs.FS }

func (f swappedFS) Stat(string) (fs.FileInfo, error) { return fs.Stat(f.FS, "file") }

func TestFileServerForbidden(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("hi"), 0); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	rec := httptest.NewRecorder()
	ch09.FileServer(ch09.DirFS(root)).ServeHTTP(rec, httptest.NewRequest("GET", "/a", nil))
	if rec.Code != http.StatusForbidden {
		t.Errorf("file without permission = %d, want 403", rec.Code)
	}
}
