package ch09_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"network-programming-with-go/ch09"
)

// errorsFS fails in one place. Its file is d/index.html, beside a name that must not show.
type errorsFS struct {
	stat, open, fstat, read error
	opened, closed          int
}

var errorsFiles = fstest.MapFS{
	"d/index.html": {Data: []byte("hi")}, "d/secret.txt": {Data: []byte("hidden")},
}

func (f *errorsFS) Stat(name string) (fs.FileInfo, error) {
	if f.stat != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: f.stat}
	}
	return errorsFiles.Stat(name)
}

func (f *errorsFS) Open(name string) (fs.File, error) {
	if f.open != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.open}
	}
	file, err := errorsFiles.Open(name)
	f.opened++
	return &errorsFile{file, f}, err
}

type errorsFile struct {
	fs.File
	f *errorsFS
}

func (e *errorsFile) Close() error { e.f.closed++; return e.File.Close() }
func (e *errorsFile) Stat() (fs.FileInfo, error) {
	if e.f.fstat != nil {
		return nil, e.f.fstat
	}
	return e.File.Stat()
}
func (e *errorsFile) Read(p []byte) (int, error) {
	if e.f.read != nil {
		return 0, e.f.read
	}
	return e.File.Read(p)
}
func (e *errorsFile) Seek(offset int64, whence int) (int64, error) {
	return e.File.(io.Seeker).Seek(offset, whence)
}

// "Cannot tell" is not "does not exist": caches and crawlers believe a 404. Whatever fails,
// wherever, no name of the directory shows, and the file is closed.
func TestFileServerErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, "hi"},
		{fs.ErrNotExist, 404, "404 page not found\n"},
		{fs.ErrInvalid, 404, "404 page not found\n"},
		{syscall.ENOENT, 404, "404 page not found\n"},
		{syscall.ENOTDIR, 404, "404 page not found\n"},
		{syscall.ENAMETOOLONG, 404, "404 page not found\n"},
		{syscall.ELOOP, 404, "404 page not found\n"},
		{syscall.EINVAL, 404, "404 page not found\n"},
		{fs.ErrPermission, 403, "forbidden\n"},
		{syscall.EACCES, 403, "forbidden\n"},
		{syscall.EMFILE, 503, "try again later\n"},
		{syscall.ENFILE, 503, "try again later\n"},
		{syscall.ENOMEM, 503, "try again later\n"},
		{syscall.EAGAIN, 503, "try again later\n"},
		{syscall.EIO, 500, "cannot read the file\n"},
		{syscall.ESTALE, 500, "cannot read the file\n"},
		{fs.ErrClosed, 500, "cannot read the file\n"},
		{io.ErrUnexpectedEOF, 500, "cannot read the file\n"},
	} {
		for where, fsys := range map[string]*errorsFS{
			"stat": {stat: tt.err}, "open": {open: tt.err}, "stat of the handle": {fstat: tt.err}, "read": {read: tt.err},
		} {
			t.Run(where, func(t *testing.T) {
				rec := httptest.NewRecorder()
				ch09.FileServer(fsys).ServeHTTP(rec, httptest.NewRequest("GET", "/d/", nil))
				t.Logf("%s: %v: %d %q", where, tt.err, rec.Code, rec.Body)
				if rec.Code != tt.status || rec.Body.String() != tt.body {
					t.Errorf("%v = %d %q, want %d %q", tt.err, rec.Code, rec.Body, tt.status, tt.body)
				}
				if got := rec.Header().Get("Retry-After") != ""; got != (tt.status == 503) {
					t.Errorf("%v: Retry-After there: %t, want %t", tt.err, got, tt.status == 503)
				}
				if got := rec.Header().Get("ETag") != ""; got != (tt.status == 200) {
					t.Errorf("%v: ETag there: %t, want %t", tt.err, got, tt.status == 200)
				}
				if fsys.opened != fsys.closed {
					t.Errorf("%v: %d files opened, %d closed", tt.err, fsys.opened, fsys.closed)
				}
			})
		}
	}
}

// If index.html cannot be opened, net/http lists the directory: anyone who uses up the file
// descriptors sees all names.
func TestFileServerNeverLists(t *testing.T) {
	for _, tt := range []struct {
		name  string
		h     http.Handler
		lists bool
	}{
		{"http.FileServerFS", http.FileServerFS(onlyOpen{}), true},
		{"FileServer", ch09.FileServer(onlyOpen{}), false},
	} {
		rec := httptest.NewRecorder()
		tt.h.ServeHTTP(rec, httptest.NewRequest("GET", "/d/", nil))
		t.Logf("%s: %d %q", tt.name, rec.Code, rec.Body)
		if got := strings.Contains(rec.Body.String(), "secret"); got != tt.lists {
			t.Errorf("%s: %d %q, names shown %t, want %t", tt.name, rec.Code, rec.Body, got, tt.lists)
		}
	}
}

// onlyOpen opens the directory, and has no descriptor left for the file in it.
type onlyOpen struct{}

func (onlyOpen) Open(name string) (fs.File, error) {
	if name == "d/index.html" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	return errorsFiles.Open(name)
}

// Ranges need a file that can seek.
func TestFileServerWithoutSeek(t *testing.T) {
	rec := httptest.NewRecorder()
	ch09.FileServer(noSeek{}).ServeHTTP(rec, httptest.NewRequest("GET", "/d/secret.txt", nil))
	if rec.Code != 500 || strings.Contains(rec.Body.String(), "secret") {
		t.Errorf("file without Seek = %d %q, want 500 and a neutral text", rec.Code, rec.Body)
	}
}

type noSeek struct{}

func (noSeek) Open(name string) (fs.File, error) {
	file, err := errorsFiles.Open(name)
	return struct{ fs.File }{file}, err
}
