package ch06

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// Copy with: types.go.

// openFile returns the file that a request names, its size and what closes it. Names are
// taken as boot ROMs send them: with a leading slash, with backslashes, with ".." that
// must not lead out of the root. Its errors hold an *Err, ready to be sent.
func openFile(fsys fs.FS, payload []byte, name string) (io.Reader, int64, func() error, error) {
	if fsys == nil {
		return bytes.NewReader(payload), int64(len(payload)), func() error { return nil }, nil
	}
	clean := strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
	clean = cmp.Or(clean, ".") // the root itself
	if !fs.ValidPath(clean) {
		return nil, 0, nil, &Err{ErrNotFound, fmt.Sprintf("file not found: %.40q", name)}
	}
	// Opening a pipe would wait for its other end, so what is no file is not opened.
	info, err := fs.Stat(fsys, clean)
	if err != nil {
		return nil, 0, nil, fileErr(clean, err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, nil, &Err{ErrAccessViolation, fmt.Sprintf("%.40q is not a regular file", clean)}
	}
	file, err := fsys.Open(clean)
	if err != nil {
		return nil, 0, nil, fileErr(clean, err)
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return nil, 0, nil, fileErr(clean, err)
	}
	size := info.Size()
	if size == 0 { // empty, or of unknown length, as below /proc
		return file, 0, file.Close, nil
	}
	// A file that grows is sent as it was: clients may have made room for that and no more.
	return io.LimitReader(file, size), size, file.Close, nil
}

// fileErr tells a client what it may know: not the path on this machine, nor why.
func fileErr(name string, err error) error {
	answer := &Err{ErrAccessViolation, fmt.Sprintf("%.40q cannot be read", name)}
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) {
		answer = &Err{ErrUnknown, "too busy to open a file, try again later"}
	} else if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) {
		answer = &Err{ErrNotFound, fmt.Sprintf("file not found: %.40q", name)}
	}
	return fmt.Errorf("%w (%w)", answer, err)
}

// buffered saves a system call for each block where blocks are small.
func buffered(file io.Reader, window int) io.Reader {
	if _, ok := file.(*bytes.Reader); ok {
		return file
	}
	return bufio.NewReaderSize(file, min(max(window, 32<<10), 64<<10))
}
