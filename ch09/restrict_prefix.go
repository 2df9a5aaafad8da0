package ch09

import (
	"encoding/hex"
	"net/http"
	"strings"
)

// RestrictPrefix is middleware that answers 404 to each request with a path segment that
// begins with prefix: with "." dot files (.git, .env) and all below a dot directory stay
// hidden. 404 rather than 403: nobody learns what is there. The check is on the decoded
// path, and on what is left when all further decoding is done, so /%2egit and /%252egit
// are refused, as are /a//.git and, as on Windows, /a\.git. The path elements "." and
// ".." begin with "." too and are refused. An empty prefix refuses all but "/".
//
// What it cannot see: a symbolic link with a harmless name (serve os.Root's FS, which
// does not leave its directory), a directory listing, which shows hidden names (serve
// FileServer, which lists nothing), or a second name that the file system gives the
// same file. Where nothing private lies beside public files, it has nothing to do.
func RestrictPrefix(prefix string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hasSegmentPrefix(r.URL.Path, prefix) ||
			hasSegmentPrefix(fullyDecoded(r.URL.Path), prefix) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func hasSegmentPrefix(path, prefix string) bool {
	for segment := range strings.FieldsFuncSeq(path, isPathSeparator) {
		if strings.HasPrefix(segment, prefix) {
			return true
		}
	}
	return false
}

func isPathSeparator(r rune) bool { return r == '/' || r == '\\' }

// fullyDecoded decodes path until nothing is left to decode, as layers behind this one
// might. It takes one pass, in which a byte that completes a %XX may go on to complete
// another: to decode all of it again and again takes seconds for a long "%252525…". What
// is no valid encoding stays as it is.
func fullyDecoded(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	out := make([]byte, 0, len(path))
	for _, c := range []byte(path) {
		out = append(out, c)
		for n := len(out); n >= 3 && out[n-3] == '%'; n = len(out) {
			if _, err := hex.Decode(out[n-3:n-2], out[n-2:]); err != nil {
				break
			}
			out = out[:n-2]
		}
	}
	return string(out)
}
