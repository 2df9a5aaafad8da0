//go:build unix

package ch06_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A name is bytes, all but zero and slash: a backslash can be one of them, and so can
// bytes that are not UTF-8, as firmware sends behind the name of a file.
func TestFileNamesAreBytes(t *testing.T) {
	dir := t.TempDir()
	skipped := make(map[string]bool)
	for _, name := range []string{"grub.efi\xff", `back\slash`, `two\ways`, "new\nline", "ümlaut"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o666); err != nil {
			skipped[name] = true // as on macOS, whose names are UTF-8
			t.Logf("%q: %v", name, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "two"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "two", "ways"), []byte("two/ways"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"grub.efi\xff": "grub.efi\xff", `back\slash`: `back\slash`, "new\nline": "new\nline", "ümlaut": "ümlaut",
		`two\ways`: `two\ways`, "two/ways": "two/ways", // backslashes are tried second
	} {
		if skipped[want] {
			continue
		}
		if got, err := filesUnixGet(t, dir, name); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
}

// Links are followed unless they lead out of the root.
func TestFileLinks(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "root")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "boot"), 0o777),
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666),
		os.WriteFile(filepath.Join(dir, "boot", "kernel"), []byte("kernel"), 0o666),
		os.Symlink("../secret", filepath.Join(dir, "way-out")),
		os.Symlink("..", filepath.Join(dir, "up")),
		os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "absolute")),
		os.Symlink("boot/kernel", filepath.Join(dir, "inside")),
		os.Symlink("nowhere", filepath.Join(dir, "dangling")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		want error // nil: the kernel is served
	}{
		{"inside", nil}, {"way-out", ch06.ErrAccessViolation}, {"absolute", ch06.ErrAccessViolation},
		{"up/secret", ch06.ErrAccessViolation}, {`up\secret`, ch06.ErrAccessViolation}, {"dangling", ch06.ErrNotFound},
	} {
		got, err := filesUnixGet(t, dir, tt.name)
		if !errors.Is(err, tt.want) || tt.want == nil && got != "kernel" || tt.want != nil && got != "" {
			t.Errorf("%q: got %q, %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

// A pipe among the files is refused: opening it would wait for somebody to write to it.
func TestPipeIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o666); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	if _, err := filesUnixGet(t, dir, "pipe"); !errors.Is(err, ch06.ErrAccessViolation) {
		t.Errorf("Get error = %v, want ErrAccessViolation", err)
	}
}

// So is a device, since opening one may have an effect, such as to rewind a tape.
func TestDeviceIsNotOpened(t *testing.T) {
	if _, err := filesUnixGet(t, "/dev", "null"); !errors.Is(err, ch06.ErrAccessViolation) {
		t.Errorf("Get error = %v, want ErrAccessViolation", err)
	}
}

// filesUnixGet fetches a file of the folder dir over a network in memory.
func filesUnixGet(t *testing.T, dir, name string) (got string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { got, err = filesUnixFetch(t, dir, name) })
	return got, err
}

func filesUnixFetch(t *testing.T, dir, name string) (string, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	network := &packetnet.Network{}
	conn, err := network.ListenPacket("udp", "192.0.2.1:69")
	if err != nil {
		t.Fatal(err)
	}
	server := &ch06.Server{Root: root, ListenPacket: network.ListenPacket}
	served := make(chan error, 1)
	go func() { served <- server.Serve(conn) }()
	var got strings.Builder
	client := &ch06.Client{ListenPacket: network.ListenPacket}
	_, err = client.Get(t.Context(), "192.0.2.1:69", name, &got)
	client.Wait()
	server.Close() // always nil
	<-served
	return got.String(), err
}
