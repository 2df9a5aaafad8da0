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

// Copy with: status_writer.go.

// dbTimeout bounds one request's use of the database, so that a database that hangs
// causes errors in the log, not handlers that pile up.
const dbTimeout = 2 * time.Second

// Ready returns a readiness check: 200 if db answers a ping within 2 s, else 503. The
// dependencies are passed by closure: good for one handler or two, which see just what
// they need. The error goes to log and never to the client: at level Error, or Warn if
// the client left first. The caller closes db. A nil log discards.
//
// Not as a liveness check: restarting a process does not bring its database back.
func Ready(db *sql.DB, log *slog.Logger) http.Handler {
	h := &Handlers{DB: db, Log: log}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), dbTimeout)
		defer cancel()
		if err := db.PingContext(ctx); err != nil {
			h.unavailable(w, r, "not ready", err)
			return
		}
		fmt.Fprintln(w, "ok") // error: the client has gone away
	})
}

// Handlers carries the dependencies of many handlers in one struct: its methods are the
// handlers. Fill in both fields before use and leave them; the methods are then safe
// for concurrent use.
type Handlers struct {
	DB  *sql.DB      // closed by its opener
	Log *slog.Logger // nil discards
}

// Greeting responds with the greeting in the language of the path value "lang", from the
// table greetings: 404 if there is none, 503 if the database fails. Errors are logged as
// by Ready. Register it with a pattern like "GET /greeting/{lang}".
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
	case err != nil:
		h.unavailable(w, r, "no greeting", err)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, greeting) // error: the client has gone away
	}
}

// Ready is the check of the function Ready with h's dependencies.
func (h *Handlers) Ready(w http.ResponseWriter, r *http.Request) {
	Ready(h.DB, h.Log).ServeHTTP(w, r)
}

// unavailable logs err and responds with 503, even to a client that seems to have left: it
// may have closed only its sending direction.
func (h *Handlers) unavailable(w http.ResponseWriter, r *http.Request, text string, err error) {
	if h.Log != nil {
		level := slog.LevelError
		if clientLeft(r) {
			level = slog.LevelWarn // or any client could raise an alarm
		}
		h.Log.LogAttrs(r.Context(), level, text, slog.Any("err", err))
	}
	http.Error(w, "database unavailable", http.StatusServiceUnavailable)
}
