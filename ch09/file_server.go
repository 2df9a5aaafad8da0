package ch09

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

// A file may take fileBaseTime and a second more for each minFileRate bytes.
const (
	fileBaseTime = 60 * time.Second
	minFileRate  = 32 << 10 // 32 KiB a second
)

// FileServer serves the regular files of fsys, as http.FileServerFS does with its ranges
// (RFC 9110, section 14), conditional requests (section 13) and redirects to
// index.html's directory, and with these differences:
//
//   - A directory without index.html is 404, not a list of all names in it.
//   - So is what is not a regular file: opening a FIFO would block for ever.
//   - A file without modification time, as in embed.FS, gets an ETag made of its
//     content, computed once; without one each visit transfers the file again, as it does
//     for a file of 1970-01-01, which to net/http is no time either.
//   - The write deadline moves with the size of the file, down to 32 KiB a second, so
//     that a server's WriteTimeout does not cut long downloads. Use it on a server
//     that has one.
//   - An *os.File reaches the connection as such, so that the kernel can send it
//     (sendfile); behind http.FS, and so http.FileServerFS, each byte is copied.
//
// For a directory on disk pass the FS of an os.Root: symbolic links do not lead out of
// it, as they do out of os.DirFS and http.Dir. Files of fsys without time must not
// change. To hide dot files wrap it in RestrictPrefix.
func FileServer(fsys fs.FS) http.Handler {
	files := http.FileServer(visibleFiles{fsys})
	var etags sync.Map // name to ETag; only names of files that exist get in
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if strings.HasSuffix(r.URL.Path, "/") {
			name = path.Join(name, "index.html")
		} else if path.Base(name) == "index.html" {
			name = "" // FileServerFS redirects it to its directory
		}
		if info, err := fs.Stat(fsys, name); err == nil && info.Mode().IsRegular() {
			if info.ModTime().IsZero() {
				tag, ok := etags.Load(name)
				if !ok {
					if tag, err = contentETag(fsys, name); err == nil {
						etags.Store(name, tag)
					}
				}
				if err == nil {
					w.Header().Set("ETag", tag.(string))
				}
			}
			seconds := min(info.Size()/minFileRate, 1<<32) // or a Duration overflows
			limit := fileBaseTime + time.Duration(seconds)*time.Second
			// An error means a writer without deadlines: then there is none to move.
			http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit))
		}
		files.ServeHTTP(w, r)
	})
}

// contentETag is a strong validator: equal for equal bytes, whatever the build.
func contentETag(fsys fs.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return `"` + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12]) + `"`, nil
}

// visibleFiles shows regular files, and directories that have an index.html.
type visibleFiles struct{ fsys fs.FS }

func (v visibleFiles) Open(name string) (http.File, error) {
	if name = strings.TrimPrefix(name, "/"); name == "" {
		name = "."
	}
	info, err := fs.Stat(v.fsys, name) // before opening: that may block
	if errors.Is(err, fs.ErrPermission) {
		return nil, err // 403; all else is 404, also a link that leads out of an os.Root
	}
	isDir := err == nil && info.IsDir()
	if isDir {
		info, err = fs.Stat(v.fsys, path.Join(name, "index.html"))
	}
	if err != nil || !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if isDir {
		f, err := http.FS(v.fsys).Open(name)
		return unlistedDir{f}, err
	}
	f, err := v.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	if osFile, ok := f.(*os.File); ok {
		return osFile, nil // as it is: a wrapper would hide it from sendfile
	}
	f.Close() // read only: nothing to lose
	return http.FS(v.fsys).Open(name)
}

// unlistedDir is a directory whose index.html net/http opens next. Where that fails, for
// want of descriptors or of permission, net/http would list all names instead.
type unlistedDir struct{ http.File }

func (unlistedDir) Readdir(int) ([]fs.FileInfo, error) { return nil, fs.ErrPermission }
