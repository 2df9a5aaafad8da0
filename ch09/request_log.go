package ch09

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Copy with: status_writer.go.

// maxLogText bounds the method and the path in a log entry.
const maxLogText = 1 << 10 // 1 KiB

// LogRequests returns middleware that writes one entry to log after each request: method,
// path, what Observe tells of it, and the peer's address. The level is Error for a status
// from 500 on, Warn for a client that left, else Info. A hijacked connection has no
// duration. The query is left out: it may be secret. A nil log discards.
//
// Text from the client is cut at 1 KiB, and what a terminal would obey is escaped, so that
// no request can forge an entry. The route is known only if all middleware between hands
// on the same *http.Request; r.WithContext makes another.
func LogRequests(log *slog.Logger) func(http.Handler) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	handler := log.Handler()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			method, path := r.Method, r.URL.Path // the next handler may change them
			Observe(next, w, r, func(o Outcome) {
				level := slog.LevelInfo
				if o.Status >= 500 {
					level = slog.LevelError
				} else if o.Status == StatusClientClosed {
					level = slog.LevelWarn
				}
				if !handler.Enabled(r.Context(), level) {
					return
				}
				record := slog.NewRecord(time.Now(), level, "request", 0) // 0: the source would be this line
				record.AddAttrs(
					slog.String("method", logText(method)),
					slog.String("path", logText(path)),
					slog.String("route", o.Route),
					slog.Int("status", o.Status),
					slog.Int64("bytes", o.Bytes),
					slog.String("peer", r.RemoteAddr))
				if o.Status != http.StatusSwitchingProtocols {
					record.AddAttrs(slog.Duration("duration", o.Duration))
				}
				if o.Panicked {
					record.AddAttrs(slog.Bool("panicked", true))
				}
				handler.Handle(r.Context(), record)
			})
		})
	}
}

// logText returns text that is safe to log: cut at maxLogText, with control and format
// characters from U+007F on (C1, bidi) and broken UTF-8 escaped. Both handlers of slog
// escape those below, but only TextHandler these.
func logText(text string) string {
	plain := func(c rune) bool { return c < 0x7f || c != utf8.RuneError && unicode.IsPrint(c) }
	if len(text) <= maxLogText && !strings.ContainsFunc(text, func(c rune) bool { return !plain(c) }) {
		return text
	}
	var b strings.Builder
	for i, c := range text {
		if b.Len() >= maxLogText {
			fmt.Fprintf(&b, "... (%d bytes cut)", len(text)-i)
			break
		}
		if plain(c) {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}
