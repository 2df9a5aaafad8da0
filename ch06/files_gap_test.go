package ch06_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"network-programming-with-go/ch06"
	"network-programming-with-go/ch06/internal/packetnet"
)

// A pipe that takes a file's place after the server has looked is refused, too.
func TestFileReplacedByPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		_, err := filesGapGet(t, filesGapFS{mode: fs.ModeNamedPipe | 0o444}, &log)
		if end, ok := errors.AsType[*ch06.Err](err); !ok || end.Message != `"f" is not a regular file` {
			t.Errorf("Get error = %v, want that the file is not regular", err)
		}
	})
}

// If the system has no room for one more open file, the request gets no response, since an
// ERROR would end most clients for good. They retry, and are served when there is room.
func TestFileOpenedLater(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("other errors on windows")
	}
	for _, full := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN} {
		t.Run(full.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				start := time.Now()
				got, err := filesGapGet(t, filesGapFS{full: full, until: start.Add(5 * time.Second)}, &log)
				if err != nil || got != "content" {
					t.Errorf("Get = %q, %v, want the file", got, err)
				}
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("Get took %v, want a retry within 10s", took)
				}
				if want := full.Error(); !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), want) {
					t.Errorf("the log is %s, want a warning with %q", log.String(), want)
				}
			})
		})
	}
}

// filesGapFS has one file. It cannot be opened until a time, or what is opened has another
// mode than what was there before.
type filesGapFS struct {
	full  error
	until time.Time
	mode  fs.FileMode
}

func (f filesGapFS) Stat(name string) (fs.FileInfo, error) {
	return fstest.MapFS{name: {Data: []byte("content"), Mode: 0o444}}.Stat(name)
}

func (f filesGapFS) Open(name string) (fs.File, error) {
	if time.Now().Before(f.until) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.full}
	}
	return fstest.MapFS{name: {Data: []byte("content"), Mode: f.mode}}.Open(name)
}

// filesGapGet fetches a file over a network in memory, in a bubble.
func filesGapGet(t *testing.T, files fs.FS, log io.Writer) (string, error) {
	t.Helper()
	network := &packetnet.Network{}
	network.Serve(t, &ch06.Server{FS: files, Logger: slog.New(slog.NewTextHandler(log, nil)), ListenPacket: network.ListenPacket}, ch06.ErrServerClosed)
	client := &ch06.Client{ListenPacket: network.ListenPacket}
	var got bytes.Buffer
	_, err := client.Get(t.Context(), "192.0.2.1:69", "f", &got)
	client.Wait()
	synctest.Wait() // the log is written
	return got.String(), err
}
