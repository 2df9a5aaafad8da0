package ch09

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// DirFS returns the files of root, for FileServer. It differs from root.FS in two ways:
// opening a FIFO or a device does not block, and a name that leads out of root, such as a
// symbolic link's, matches fs.ErrNotExist. Root stays open as long as the file system is
// used; its owner closes it.
func DirFS(root *os.Root) fs.FS {
	_, err := root.Lstat("..")
	return dirFS{root, errors.Unwrap(err)}
}

type dirFS struct {
	root    *os.Root
	outside error // what root says of a name that leads out of it: it has no exported name
}

func (d dirFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, d.inside("open", name, err)
	}
	return f, nil
}

func (d dirFS) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	info, err := d.root.Stat(name)
	return info, d.inside("stat", name, err)
}

func (d dirFS) inside(op, name string, err error) error {
	if err != nil && d.outside != nil && errors.Is(err, d.outside) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return err
}
