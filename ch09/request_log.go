package ch09

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Copy with: status_writer.go.

// LogRequests returns middleware that writes one entry to log after each request: at
// level Error if the status is 500 or above or the handler panicked, else at Info. The
// entry has method, path, route (the pattern of http.ServeMux that matched), status,
// bytes of content, duration and the peer's address. The query is left out: it may
// carry what must not be kept. Text from the client is quoted by slog's handlers, so
// that no request can forge an entry. A nil log discards.
//
// A panic is noted and goes on to the server, which ends the connection. The route is
// known only if every middleware between hands on the same *http.Request: one that
// calls r.WithContext hides it.
func LogRequests(log *slog.Logger) func(http.Handler) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			path := r.URL.Path // the next handler may change r.URL
			sw := NewStatusWriter(w)
			returned := false
			defer func() {
				level, status := slog.LevelInfo, sw.Status()
				if !returned {
					status = http.StatusInternalServerError // the answer is cut off, or never began
				}
				if status >= 500 {
					level = slog.LevelError
				}
				route := r.Pattern
				if r.Method == http.MethodConnect && !strings.HasPrefix(route, "CONNECT ") {
					route = "" // of one that ServeMux redirects it may be the path
				}
				log.LogAttrs(r.Context(), level, "request",
					slog.String("method", r.Method),
					slog.String("path", path),
					slog.String("route", route),
					slog.Int("status", status),
					slog.Int64("bytes", sw.Bytes()),
					slog.Duration("duration", time.Since(start)),
					slog.String("peer", r.RemoteAddr),
					slog.Bool("panicked", !returned))
			}()
			next.ServeHTTP(sw, r)
			returned = true
		})
	}
}
