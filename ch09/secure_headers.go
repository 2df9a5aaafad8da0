package ch09

import "net/http"

// ContentSecurityPolicy is the policy that SecureHeaders sets: everything from this
// origin alone, no inline script or style, no plug-ins, no framing, forms to this origin
// only (Content Security Policy Level 3).
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; " +
	"style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// SecureHeaders is middleware that tells browsers to be strict: what pages may load
// (ContentSecurityPolicy), not to guess types, not to be framed, to keep other origins
// out and to tell them nothing of the path. A handler that needs another value sets it:
// it runs later.
//
// It does not send Strict-Transport-Security: only who owns a name for good can promise
// TLS for it, and browsers keep a promise made by localhost.
func SecureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// One allocation for all the values, where each Header.Set makes one. A full
		// slice expression: a handler's Header.Add must not write into its neighbor.
		v := [...]string{ContentSecurityPolicy, "nosniff", "DENY",
			"same-origin", "same-origin", "same-origin"}
		h := w.Header()
		h["Content-Security-Policy"] = v[0:1:1]
		h["X-Content-Type-Options"] = v[1:2:2]
		h["X-Frame-Options"] = v[2:3:3] // for browsers without frame-ancestors
		h["Referrer-Policy"] = v[3:4:4]
		h["Cross-Origin-Opener-Policy"] = v[4:5:5]
		h["Cross-Origin-Resource-Policy"] = v[5:6:6]
		next.ServeHTTP(w, r)
	})
}
