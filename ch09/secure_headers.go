package ch09

import (
	"maps"
	"net/http"
)

// ContentSecurityPolicy is the policy that SecureHeaders sets: everything from this
// origin only, no inline script or style, no plug-ins, no framing, forms to this origin
// only (Content Security Policy Level 3).
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; " +
	"style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

// SecureHeaders is middleware that tells browsers to be strict: what pages may load
// (ContentSecurityPolicy), not to guess types, not to let other sites frame or embed what
// is here, and not to send them the path. A handler that needs another value sets it:
// it runs later.
//
// It does not send Strict-Transport-Security: only the owner of a name can promise
// TLS for it, and browsers keep a promise made by localhost.
func SecureHeaders(next http.Handler) http.Handler {
	// Made once: the values are shared by all responses, and a request allocates nothing.
	h := http.Header{}
	h.Set("Content-Security-Policy", ContentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	secure := h.Clone() // browsers complain about the next one on plain HTTP, and ignore it
	secure.Set("Cross-Origin-Opener-Policy", "same-origin")

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			maps.Copy(w.Header(), secure)
		} else {
			maps.Copy(w.Header(), h)
		}
		next.ServeHTTP(w, r)
	})
}
