package ch09

import (
	"net/http"
	"net/url"
	"strings"
)

// RestrictPrefix is middleware that answers 404 to each request with a path segment that
// begins with prefix: with "." dot files (.git, .env) and all below a dot directory stay
// hidden. 404 rather than 403: nobody learns what is there. The check is on the decoded
// path, and again on what further decoding gives, so /%2egit and /%252egit are refused,
// as are /a//.git and, as on Windows, /a\.git. The path elements "." and ".." begin with
// "." too and are refused.
//
// What it cannot see: a symbolic link with a harmless name (serve os.Root's FS, which
// does not leave its directory), a directory listing, which shows hidden names (serve
// FileServer, which lists nothing), or a second name that the file system gives the
// same file. Where nothing private lies beside public files, it has nothing to do.
func RestrictPrefix(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasRestrictedSegment(r.URL.Path, prefix) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hasRestrictedSegment looks at path as it is and after each further decoding: a layer
// behind this one might decode once more.
func hasRestrictedSegment(path, prefix string) bool {
	for {
		for segment := range strings.FieldsFuncSeq(path, isPathSeparator) {
			if strings.HasPrefix(segment, prefix) {
				return true
			}
		}
		decoded, err := url.PathUnescape(path)
		if err != nil || decoded == path {
			return false // nothing left to decode, or what Go refuses to decode
		}
		path = decoded // shorter each time, so the loop ends
	}
}

func isPathSeparator(r rune) bool { return r == '/' || r == '\\' }
