package ch09

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// DirFS returns the files of root, for FileServer. It differs from root.FS in two ways.
// Opening a FIFO does not block, so there is no Stat, which could only tell what a name
// meant a moment ago. And a name that leads out of root, such as that of a symbolic link,
// matches fs.ErrNotExist. The owner of root closes it after use.
func DirFS(root *os.Root) fs.FS {
	_, err := root.Lstat("..")
	return dirFS{root, errors.Unwrap(err)}
}

type dirFS struct {
	root    *os.Root
	outside error // what root says of a name that leads out: os exports no name for it
}

func (d dirFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if d.outside != nil && errors.Is(err, d.outside) {
			err = &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return nil, err
	}
	return f, nil
}
