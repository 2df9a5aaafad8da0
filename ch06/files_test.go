package ch06_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// TestFileNames asks for files as boot ROMs and attackers do. Nothing outside the root is
// served, and a refusal has the right code.
func TestFileNames(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "root")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "boot", "empty"), 0o777),
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666),
		os.WriteFile(filepath.Join(dir, "boot", "kernel"), []byte("kernel"), 0o666),
		os.WriteFile(filepath.Join(dir, "locked"), []byte("locked"), 0),
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

	for _, tt := range []struct {
		name string
		want error // nil: the kernel is served
	}{
		{"boot/kernel", nil}, {"/boot/kernel", nil}, {"//boot/kernel", nil}, {`\boot\kernel`, nil},
		{`boot\kernel`, nil}, {"./boot/kernel", nil}, {"boot/../boot/kernel", nil}, {"../boot/kernel", nil},
		{"/../../boot/kernel", nil}, {`..\boot/kernel`, nil}, {"boot/kernel/", nil},
		{"missing", ch06.ErrNotFound}, {"boot/kernel/missing", ch06.ErrNotFound},
		{"../secret", ch06.ErrNotFound}, {"/../secret", ch06.ErrNotFound}, {`..\secret`, ch06.ErrNotFound},
		{filepath.ToSlash(outside) + "/secret", ch06.ErrNotFound}, {"/etc/passwd", ch06.ErrNotFound},
		{"boot", ch06.ErrAccessViolation}, {"boot/empty", ch06.ErrAccessViolation}, {`boot\empty`, ch06.ErrAccessViolation},
		{"/", ch06.ErrAccessViolation}, {"..", ch06.ErrAccessViolation}, {`\`, ch06.ErrAccessViolation},
		{"%2e%2e/secret", ch06.ErrNotFound}, {"a\xffb", ch06.ErrNotFound},
		{strings.Repeat("long", 100), ch06.ErrNotFound},
	} {
		if runtime.GOOS == "windows" && (strings.Contains(tt.name, ":") || len(tt.name) > 255) {
			continue // names cannot hold a drive there, and codes differ
		}
		for kind, server := range map[string]*ch06.Server{"Root": {Root: root}, "FS": {FS: root.FS()}} {
			t.Run(kind+" "+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					got, err := filesGet(t, server, &ch06.Client{}, tt.name)
					switch {
					case tt.want == nil && (err != nil || got != "kernel"):
						t.Errorf("%q: got %q, %v, want the kernel", tt.name, got, err)
					case tt.want != nil && (!errors.Is(err, tt.want) || got != ""):
						t.Errorf("%q: got %q, %v, want nothing, %v", tt.name, got, err, tt.want)
					case tt.want != nil && strings.Contains(strings.TrimPrefix(err.Error(), "tftp: "+tt.name), dir):
						t.Errorf("%q: the error %q tells where the root is", tt.name, err)
					}
					t.Logf("%-32.40q %v", tt.name, err)
				})
			})
		}
	}

	t.Run("locked", func(t *testing.T) {
		if f, err := os.Open(filepath.Join(dir, "locked")); err == nil {
			f.Close()
			t.Skip("this user may read every file")
		}
		synctest.Test(t, func(t *testing.T) {
			if _, err := filesGet(t, &ch06.Server{Root: root}, &ch06.Client{}, "locked"); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("an unreadable file: error = %v, want fs.ErrPermission", err)
			}
		})
	})
}

// An fs.FS, such as an embed.FS, may be served too, and an empty file.
func TestFileSystem(t *testing.T) {
	files := fstest.MapFS{"a/b": {Data: []byte("content")}, "empty": {}}
	for name, want := range map[string]string{"a/b": "content", "/a/b": "content", `a\b`: "content", "empty": ""} {
		synctest.Test(t, func(t *testing.T) {
			if got, err := filesGet(t, &ch06.Server{FS: files}, &ch06.Client{}, name); err != nil || got != want {
				t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
			}
		})
	}
}

// filesGet fetches a file from server over a network in memory, in a bubble.
func filesGet(t *testing.T, server *ch06.Server, client *ch06.Client, name string) (string, error) {
	t.Helper()
	network := &packetnet.Network{}
	conn, err := network.ListenPacket("udp", "192.0.2.1:69")
	if err != nil {
		t.Fatal(err)
	}
	server.ListenPacket, client.ListenPacket = network.ListenPacket, network.ListenPacket
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	var got bytes.Buffer
	n, err := client.Get(t.Context(), "192.0.2.1:69", name, &got)
	if n != int64(got.Len()) {
		t.Errorf("Get = %d, want the %d bytes that were written", n, got.Len())
	}
	client.Wait()
	server.Close() // always nil
	<-served
	if n := network.Open(); n != 0 {
		t.Errorf("%d sockets are open, want none", n)
	}
	return got.String(), err
}
