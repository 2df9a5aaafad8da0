package ch09

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Copy with: progress.go.

// FileServer serves the regular files of fsys as http.FileServerFS does, with ranges
// (RFC 9110, section 14), conditional requests (section 13) and redirects, but:
//
//   - A directory without index.html, a FIFO and a device are 404.
//   - Other errors are not: 403, 503 with Retry-After if resources ran out, or 500.
//   - Files have an ETag, and a date alone never splices versions: see validators.
//   - A slow download goes on while the client reads: see ProgressWriter.
//   - An *os.File is sent by the kernel (sendfile); http.FileServerFS copies each byte.
//
// Pass DirFS for a directory on disk. Files without a modification time, as in embed.FS,
// must not change. To hide dot files put RestrictPrefix around it.
func FileServer(fsys fs.FS) http.Handler { return &fileServer{fsys: fsys} }

type fileServer struct {
	fsys fs.FS
	tags sync.Map // ETags by name, of files without a time; there are as many as files
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := "/" + strings.TrimPrefix(r.URL.Path, "/")
	if strings.HasSuffix(asked, "/index.html") {
		redirect(w, r, "./")
		return
	}
	name := strings.TrimPrefix(path.Clean(asked), "/") // Clean never leads above "/"
	if name == "" {
		name = "."
	}
	f, info, err := s.open(name)
	isDir := err == nil && info.IsDir()
	if isDir {
		f.Close() // read only: nothing to lose
		name = path.Join(name, "index.html")
		f, info, err = s.open(name)
	}
	if err != nil {
		fileError(w, r, err)
		return
	}
	defer f.Close()
	if !info.Mode().IsRegular() {
		fileError(w, r, fs.ErrNotExist)
		return
	}
	if base := path.Base(asked); isDir != strings.HasSuffix(asked, "/") {
		if isDir {
			redirect(w, r, base+"/")
		} else {
			redirect(w, r, "../"+base)
		}
		return
	}

	content, ok := f.(io.ReadSeeker)
	if !ok { // ranges need Seek
		fileError(w, r, errors.ErrUnsupported)
		return
	}
	if r, err = s.validators(w, r, name, info, content); err != nil {
		fileError(w, r, err)
		return
	}
	http.ServeContent(ProgressWriter{w}, r, name, info.ModTime(), content)
}

// open returns a regular file or a directory, and what it is: of the open file, since the
// name may mean another one by now. The caller closes it.
func (s *fileServer) open(name string) (fs.File, fs.FileInfo, error) {
	if fsys, ok := s.fsys.(fs.StatFS); ok { // ask first: to open a FIFO may block
		info, err := fsys.Stat(name)
		if err != nil {
			return nil, nil, err
		}
		if !info.Mode().IsRegular() && !info.IsDir() {
			return nil, nil, fs.ErrNotExist
		}
	}
	f, err := s.fsys.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close() // read only: nothing to lose
		return nil, nil, err
	}
	return f, info, nil
}

// validators sets the ETag: of the time in nanoseconds and the size, or of the content if
// there is no time. It is weak for a file younger than a second, which may change again
// within one tick of the file system's clock (section 8.8.1); weak ones never match If-Range.
//
// Dates have seconds and are weaker still. Of the request that it returns, If-Range with a
// date is not honored: each file has an ETag for that. If-Modified-Since is honored only
// if it is the file's time: a backup that was put back is older, and changed.
func (s *fileServer) validators(w http.ResponseWriter, r *http.Request, name string,
	info fs.FileInfo, content io.ReadSeeker) (*http.Request, error) {
	modified := info.ModTime()
	switch {
	case modified.IsZero():
		tag, ok := s.tags.Load(name)
		if !ok {
			hash := sha256.New()
			if _, err := io.Copy(hash, content); err != nil {
				return r, err
			} // ServeContent seeks to the start
			tag = `"` + base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:12]) + `"`
			s.tags.Store(name, tag)
		}
		w.Header().Set("ETag", tag.(string))
	case modified.Equal(time.Unix(0, 0)):
		// Set by tools that leave the time out, so the file may have changed.
	default:
		tag := `"` + strconv.FormatInt(modified.UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36) + `"`
		if time.Since(modified) < time.Second {
			tag = "W/" + tag
		}
		w.Header().Set("ETag", tag)
	}

	ifRange, since := r.Header.Get("If-Range"), r.Header.Get("If-Modified-Since")
	byDate := ifRange != "" && !strings.HasSuffix(ifRange, `"`)
	otherDate := since != "" && since != modified.UTC().Format(http.TimeFormat)
	if byDate || otherDate {
		r = r.Clone(r.Context()) // a handler must not change its request
		if byDate {
			r.Header.Del("Range")
		}
		if otherDate {
			r.Header.Del("If-Modified-Since")
		}
	}
	return r, nil
}

// redirect is relative, as http.StripPrefix may have hidden a part of the path.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	u := url.URL{Path: to, RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", u.String()) // http.Redirect would make it absolute
	w.WriteHeader(http.StatusMovedPermanently)
}

// fileError tells "does not exist" from "cannot tell": caches and crawlers believe a 404.
func fileError(w http.ResponseWriter, r *http.Request, err error) {
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
	switch {
	case is(fs.ErrNotExist, fs.ErrInvalid, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP,
		syscall.EINVAL): // no file can have such a name
		http.NotFound(w, r)
	case is(fs.ErrPermission):
		http.Error(w, "forbidden", http.StatusForbidden)
	case is(syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN):
		w.Header().Set("Retry-After", "5")
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	default:
		http.Error(w, "cannot read the file", http.StatusInternalServerError)
	}
}
