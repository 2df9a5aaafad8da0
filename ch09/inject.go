package ch09

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// dbTimeout bounds one request's use of the database, so that a database that hangs
// becomes errors in the log rather than handlers that pile up.
const dbTimeout = 2 * time.Second

// statusClientClosed is for the log and the metrics: nobody hears it any more. That a client
// left is a warning at most, or anybody could raise an alarm. nginx has this number.
const statusClientClosed = 499

// clientLeft reports whether the client is gone; the end of a deadline is none of its doing.
func clientLeft(r *http.Request) bool { return errors.Is(r.Context().Err(), context.Canceled) }

// Ready returns a readiness check: 200 if db answers a ping within 2 s, else 503 and an
// error in log, or 499 and a warning if the client left before: let its patience be
// longer. The dependencies are passed by closure: good for one handler or two, which
// see just what they need. The caller closes db. A nil log discards.
//
// Not as a liveness check: a process is not mended by restarting it while its
// database is down.
func Ready(db *sql.DB, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), dbTimeout)
		defer cancel()
		if err := db.PingContext(ctx); err != nil {
			if clientLeft(r) {
				log.WarnContext(ctx, "not ready, and the client left", "err", err)
				w.WriteHeader(statusClientClosed)
				return
			}
			log.ErrorContext(ctx, "not ready", "err", err) // to the log, never to the client
			http.Error(w, "database unavailable", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok") // error: a client that went away
	})
}

// Handlers carries the dependencies of many handlers in one struct: its methods are the
// handlers. Fill in both fields before use and leave them; the methods are then safe
// for concurrent use.
type Handlers struct {
	DB  *sql.DB      // closed by whoever opened it
	Log *slog.Logger // nil discards
}

// Greeting answers with the greeting in the language of the path value "lang", from the
// table greetings: 404 if there is none, 503 and an error in the log if the database fails,
// 499 and a warning if the client left before.
// Register it with a pattern like "GET /greeting/{lang}".
func (h *Handlers) Greeting(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), dbTimeout)
	defer cancel()
	var greeting string
	// A parameter, not text: what the client sends never becomes part of the query.
	const query = "SELECT text FROM greetings WHERE lang = ?"
	row := h.DB.QueryRowContext(ctx, query, r.PathValue("lang"))
	switch err := row.Scan(&greeting); {
	case errors.Is(err, sql.ErrNoRows):
		http.NotFound(w, r)
	case err != nil && clientLeft(r):
		h.logger().WarnContext(ctx, "greeting, and the client left", "lang", r.PathValue("lang"), "err", err)
		w.WriteHeader(statusClientClosed)
	case err != nil:
		h.logger().ErrorContext(ctx, "greeting", "lang", r.PathValue("lang"), "err", err)
		http.Error(w, "database unavailable", http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, greeting) // error: a client that went away
	}
}

// Ready is the check of the function Ready with h's dependencies.
func (h *Handlers) Ready(w http.ResponseWriter, r *http.Request) {
	Ready(h.DB, h.logger()).ServeHTTP(w, r)
}

func (h *Handlers) logger() *slog.Logger {
	if h.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return h.Log
}
