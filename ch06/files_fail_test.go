package ch06_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A file may fail in the middle, or end before its time: the client learns of it, even one
// that was not told the size.
func TestFileFails(t *testing.T) {
	for _, failure := range []error{syscall.EIO, io.ErrUnexpectedEOF, io.EOF} {
		for _, client := range []*ch06.Client{{}, {BlockSize: 512, WindowSize: 1}, {NoOptions: true}} {
			synctest.Test(t, func(t *testing.T) {
				got, err := filesFailGet(t, &ch06.Server{FS: filesFailFS{size: 100, read: failure}}, client, "broken")
				if end, ok := errors.AsType[*ch06.Err](err); !ok || end.Code != ch06.ErrUnknown {
					t.Errorf("a file that ends with %v: Get = %q, %v, want an ERROR 0", failure, got, err)
				}
			})
		}
	}
}

// What prevents a file from being opened is told the client, as far as it concerns it.
func TestFileCannotBeOpened(t *testing.T) {
	for _, tt := range []struct {
		name       string
		open, stat error
		code       ch06.ErrCode
		message    string
	}{
		{"no permission", syscall.EACCES, nil, ch06.ErrAccessViolation, "cannot be read"},
		{"a disk that fails", nil, syscall.EIO, ch06.ErrAccessViolation, "cannot be read"},
		{"missing", fs.ErrNotExist, nil, ch06.ErrNotFound, "file not found"},
		{"a name that is too long", syscall.ENAMETOOLONG, nil, ch06.ErrNotFound, "file not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tt.name != "missing" {
				t.Skip("other errors on windows")
			}
			synctest.Test(t, func(t *testing.T) {
				_, err := filesFailGet(t, &ch06.Server{FS: filesFailFS{open: tt.open, stat: tt.stat}}, &ch06.Client{}, "f")
				end, ok := errors.AsType[*ch06.Err](err)
				if !ok || end.Code != tt.code || !strings.Contains(end.Message, tt.message) || strings.Contains(end.Message, "secret") {
					t.Errorf("Get error = %v, want ERROR %d with %q and no path", err, tt.code, tt.message)
				}
			})
		})
	}
}

// A file that grows during the transfer is sent with the size that was announced.
func TestFileGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file, err := os.Create(filepath.Join(t.TempDir(), "growing"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		root, err := os.OpenRoot(filepath.Dir(file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		const size = 3 * ch06.BlockSize
		if _, err := file.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		client := &ch06.Client{BlockSize: ch06.BlockSize, WindowSize: 1, Progress: func(_, announced int64) {
			if _, err := file.Write(make([]byte, 100)); err != nil || announced != size {
				t.Errorf("announced %d, want %d; %v", announced, size, err)
			}
		}}
		if got, err := filesFailGet(t, &ch06.Server{Root: root}, client, "growing"); err != nil || len(got) != size {
			t.Errorf("Get = %d bytes, %v, want %d", len(got), err, size)
		}
	})
}

// Size 0 may mean that the size is not known, as below /proc: such a file is sent to its end.
func TestFileOfUnknownSize(t *testing.T) {
	for _, window := range []int{1, 2, 4, 64} {
		synctest.Test(t, func(t *testing.T) {
			content := strings.Repeat("0123456789", 1000)
			client := &ch06.Client{BlockSize: 512, WindowSize: window}
			got, err := filesFailGet(t, &ch06.Server{FS: filesFailFS{content: strings.NewReader(content)}}, client, "meminfo")
			if err != nil || got != content {
				t.Errorf("window %d: Get = %d bytes, %v, want %d", window, len(got), err, len(content))
			}
		})
	}
}

// filesFailFS is a file system whose one file has content, or fails as the fields tell.
type filesFailFS struct {
	open, stat, read error
	size             int64
	content          io.Reader
	fs.FileInfo
}

func (f filesFailFS) Open(string) (fs.File, error) {
	if f.open != nil {
		return nil, &fs.PathError{Op: "open", Path: "/secret/path", Err: f.open}
	}
	return f, nil
}
func (f filesFailFS) Stat() (fs.FileInfo, error) { return f, f.stat }
func (f filesFailFS) Close() error               { return nil }
func (f filesFailFS) Mode() fs.FileMode          { return 0o444 }
func (f filesFailFS) Size() int64                { return f.size }
func (f filesFailFS) Read(b []byte) (int, error) {
	if f.content != nil {
		return f.content.Read(b)
	}
	return min(10, len(b)), f.read
}

// filesFailGet fetches a file from server over a network in memory, in a bubble.
func filesFailGet(t *testing.T, server *ch06.Server, client *ch06.Client, name string) (string, error) {
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
