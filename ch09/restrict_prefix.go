package ch09

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// RestrictPrefix returns middleware that answers 404 if a segment of the path begins with
// prefix: "." hides dot files (.git, .env) and all below a dot directory. 404, not 403,
// does not tell what exists. The path is checked decoded, and again after all further
// decoding, so /%2egit and /%252egit are refused, as are /a//.git, /a\.git, and the path
// elements "." and "..". An empty prefix refuses all but "/".
//
// The first segment may be one of except: ".well-known" (RFC 8615) is hidden otherwise.
// Not seen are a symbolic link with a harmless name (serve DirFS, which does not leave its
// directory), a list of names (serve FileServer, which makes none), and a second name that
// the file system gives to the same file.
func RestrictPrefix(prefix string, except ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isHidden(r.URL.Path, prefix, except) ||
				isHidden(fullyDecoded(r.URL.Path), prefix, except) {
				http.NotFound(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func isHidden(path, prefix string, except []string) bool {
	first := true
	for segment := range strings.FieldsFuncSeq(path, isPathSeparator) {
		if strings.HasPrefix(segment, prefix) && !(first && slices.Contains(except, segment)) {
			return true
		}
		first = false
	}
	return false
}

func isPathSeparator(r rune) bool { return r == '/' || r == '\\' }

// fullyDecoded decodes path until nothing is left to decode, as layers behind this one
// might. It takes one pass, in which a byte that completes a %XX may go on to complete
// another: repeated passes would take seconds for a long "%252525…". An invalid encoding
// stays as it is.
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
