package ch09

import "net/http"

// ContentSecurityPolicy is the policy that SecureHeaders sets: everything from this
// origin alone, no inline script or style, no plug-ins, no framing, forms to this origin
// only (Content Security Policy Level 3).
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'"

// SecureHeaders is middleware that tells browsers to be strict: what pages may load
// (ContentSecurityPolicy), not to guess types, not to be framed, to keep other origins
// out and to tell them nothing of the path. A handler that needs another value sets it:
// it runs later.
//
// It does not send Strict-Transport-Security: only who owns a name for good can promise
// TLS for it, and browsers keep a promise made by localhost.
func SecureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", ContentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
