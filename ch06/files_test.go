package ch06_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"network-programming-with-go/ch06"
)

// TestFileNames asks for files as boot ROMs and attackers do. Nothing outside the root is
// served, and what is refused has the right code.
func TestFileNames(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "root")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "boot", "empty"), 0o777),
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666),
		os.WriteFile(filepath.Join(dir, "boot", "kernel"), []byte("kernel"), 0o666),
		os.WriteFile(filepath.Join(dir, "locked"), []byte("locked"), 0),
		filesLink(t, filepath.Join("..", "secret"), filepath.Join(dir, "way-out")),
		filesLink(t, filepath.Join(outside, "secret"), filepath.Join(dir, "absolute")),
		filesLink(t, filepath.Join("boot", "kernel"), filepath.Join(dir, "inside")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	addr := filesServe(t, root.FS())

	for _, tt := range []struct {
		name string
		want error // nil: the kernel is served
	}{
		{"boot/kernel", nil}, {"/boot/kernel", nil}, {"//boot/kernel", nil}, {`\boot\kernel`, nil},
		{`boot\kernel`, nil}, {"./boot/kernel", nil}, {"boot/../boot/kernel", nil}, {"../boot/kernel", nil},
		{"/../../boot/kernel", nil}, {"inside", nil},
		{"missing", ch06.ErrNotFound}, {"boot/kernel/missing", ch06.ErrNotFound}, {"boot/kernel/", nil},
		{"../secret", ch06.ErrNotFound}, {"/../secret", ch06.ErrNotFound}, {`..\secret`, ch06.ErrNotFound},
		{filepath.ToSlash(outside) + "/secret", ch06.ErrNotFound}, {"/etc/passwd", ch06.ErrNotFound},
		{"way-out", ch06.ErrAccessViolation}, {"absolute", ch06.ErrAccessViolation},
		{"boot", ch06.ErrAccessViolation}, {"boot/empty", ch06.ErrAccessViolation},
		{"/", ch06.ErrAccessViolation}, {"..", ch06.ErrAccessViolation}, {`\`, ch06.ErrAccessViolation},
		{"%2e%2e/secret", ch06.ErrNotFound}, {"a\xffb", ch06.ErrNotFound},
		{strings.Repeat("long", 100), ch06.ErrNotFound},
	} {
		if runtime.GOOS == "windows" && (tt.name == "way-out" || tt.name == "absolute" || strings.Contains(tt.name, ":") || len(tt.name) > 255) {
			continue // links need rights there, a drive is no part of a name, and codes differ
		}
		var got bytes.Buffer
		_, err := (&ch06.Client{}).Get(t.Context(), addr, tt.name, &got)
		switch {
		case tt.want == nil && (err != nil || got.String() != "kernel"):
			t.Errorf("%q: got %q, %v, want the kernel", tt.name, &got, err)
		case tt.want != nil && (!errors.Is(err, tt.want) || got.Len() > 0):
			t.Errorf("%q: got %q, %v, want nothing, %v", tt.name, &got, err, tt.want)
		case tt.want != nil && strings.Contains(err.Error(), dir):
			t.Errorf("%q: the error %q tells where the root is", tt.name, err)
		}
		t.Logf("%-32.40q %v", tt.name, err)
	}

	if f, err := os.Open(filepath.Join(dir, "locked")); err == nil {
		f.Close()
		t.Log("this user may read every file: the one without permissions is not tried")
	} else if _, err := (&ch06.Client{}).Get(t.Context(), addr, "locked", new(bytes.Buffer)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("an unreadable file: error = %v, want fs.ErrPermission", err)
	}
}

// A file may fail in the middle, or end before its time: the client learns of it, even one
// that was not told the size.
func TestFileFails(t *testing.T) {
	for _, failure := range []error{syscall.EIO, io.ErrUnexpectedEOF, io.EOF} {
		addr := filesServe(t, filesBroken{failure})
		for _, client := range []*ch06.Client{{}, {BlockSize: 512, WindowSize: 1}} {
			var got bytes.Buffer
			n, err := client.Get(t.Context(), addr, "broken", &got)
			if end, ok := errors.AsType[*ch06.Err](err); !ok || end.Code != ch06.ErrUnknown {
				t.Errorf("a file that ends with %v: Get = %d, %v, want an ERROR 0", failure, n, err)
			}
		}
	}
}

// A file that grows during the transfer is sent as it was announced.
func TestFileGrows(t *testing.T) {
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "growing"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const size = 3 * ch06.BlockSize
	if _, err := file.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	client := &ch06.Client{BlockSize: ch06.BlockSize, WindowSize: 1, Progress: func(_, announced int64) {
		if _, err := file.Write(make([]byte, 100)); err != nil || announced != size {
			t.Errorf("announced %d, want %d; %v", announced, size, err)
		}
	}}
	if n, err := client.Get(t.Context(), filesServe(t, os.DirFS(dir)), "growing", io.Discard); err != nil || n != size {
		t.Errorf("Get = %d, %v, want %d", n, err, size)
	}
}

// filesBroken is a file system whose one file fails after its first bytes.
type filesBroken struct{ failure error }

func (f filesBroken) Open(string) (fs.File, error) { return f, nil }
func (filesBroken) Stat() (fs.FileInfo, error)     { return os.Stat(os.Args[0]) } // any regular file
func (filesBroken) Close() error                   { return nil }
func (f filesBroken) Read(b []byte) (int, error)   { return min(10, len(b)), f.failure }

// filesLink makes a symbolic link where the system lets its users do so.
func filesLink(t *testing.T, target, name string) error {
	t.Helper()
	if runtime.GOOS == "windows" {
		return os.WriteFile(name, []byte("kernel"), 0o666)
	}
	return os.Symlink(target, name)
}

func filesServe(t *testing.T, fsys fs.FS) string {
	t.Helper()
	server := &ch06.Server{FS: fsys}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	t.Cleanup(func() {
		server.Close() // always nil
		<-served
	})
	return conn.LocalAddr().String()
}
