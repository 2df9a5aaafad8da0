package ch06

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Copy with: packets.go.

// openFile opens the file that a request names, and returns its size too. A name is bytes,
// all but zero and slash; boot ROMs send it with a leading slash, with "..", which must
// not lead out of the root, or with backslashes. It comes from root or, if that is nil, from
// fsys, or else it is payload. Errors hold an *Err to send, unless a later try may succeed.
func openFile(root *os.Root, fsys fs.FS, payload []byte, name string) (io.ReadCloser, int64, error) {
	if root == nil && fsys == nil {
		return io.NopCloser(bytes.NewReader(payload)), int64(len(payload)), nil
	}
	clean := func(name string) string { return cmp.Or(path.Clean("/" + name)[1:], ".") }
	file, size, err := openClean(root, fsys, clean(name))
	if errors.Is(err, ErrNotFound) && strings.Contains(name, `\`) {
		return openClean(root, fsys, clean(strings.ReplaceAll(name, `\`, "/")))
	}
	return file, size, err
}

func openClean(root *os.Root, fsys fs.FS, name string) (io.ReadCloser, int64, error) {
	stat, open := root.Stat, func(name string) (fs.File, error) {
		// A pipe that has taken the file's place would wait for its other end.
		return root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	if root == nil {
		stat, open = func(name string) (fs.FileInfo, error) { return fs.Stat(fsys, name) }, fsys.Open
	}
	if _, err := regularSize(stat(name)); err != nil {
		return nil, 0, fileErr(name, err)
	}
	file, err := open(name)
	if err != nil {
		return nil, 0, fileErr(name, err)
	}
	size, err := regularSize(file.Stat())
	if err != nil {
		file.Close()
		return nil, 0, fileErr(name, err)
	}
	// A file that grows is sent with the size that was announced: clients may have made room
	// for that and no more. Size 0 may also be an unknown one, as below /proc.
	content := io.Reader(file)
	if size > 0 {
		content = io.LimitReader(file, size)
	}
	return struct {
		io.Reader
		io.Closer
	}{bufio.NewReaderSize(content, 32<<10), file}, size, nil
}

var errNotRegular = errors.New("not a regular file")

// regularSize returns the size of a regular file. To open another one may wait or have an
// effect, such as to rewind a tape.
func regularSize(info fs.FileInfo, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errNotRegular
	}
	return info.Size(), nil
}

// fileErr tells a client what it may know: not the path on this machine, nor why.
func fileErr(name string, err error) error {
	e := &Err{ErrAccessViolation, fmt.Sprintf("%.40q cannot be read", name)}
	switch {
	case errors.Is(err, errNotRegular):
		e.Message = fmt.Sprintf("%.40q is not a regular file", name)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EAGAIN):
		return err // it will pass
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid),
		errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
		e = &Err{ErrNotFound, fmt.Sprintf("file not found: %.40q", name)}
	}
	return fmt.Errorf("%w (%w)", e, err)
}
